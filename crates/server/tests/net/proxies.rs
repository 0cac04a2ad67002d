//! Whose address a connection counts for.

use metered_server::{Config, Limits, TrustedProxies};

use crate::harness::Server;

async fn server(trusted: &[&str]) -> Server {
    let networks = trusted.iter().map(|text| TrustedProxies::parse_network(text).unwrap()).collect();
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    Server::start(Config {
        limits,
        exempt_loopback: false,
        trusted_proxies: TrustedProxies::new(networks),
        ..Config::dev()
    })
    .await
}

/// Whether somebody gets in who came by this way.
async fn gets_in(server: &Server, forwarded: &str) -> bool {
    let mut client = server.open_with("key=pk_live_dev", &[("x-forwarded-for", forwarded)]).await;
    let (code, _) = match client.frame_or_close().await {
        Ok(_) => return true,
        Err(closed) => closed,
    };
    assert_eq!(code, 4010);
    false
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_counted_apart() {
    let server = server(&["127.0.0.0/8"]).await;
    for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        assert!(gets_in(&server, address).await && gets_in(&server, address).await);
        assert!(!gets_in(&server, address).await, "{address} for the third time");
    }
}

#[tokio::test]
async fn what_a_client_has_put_into_the_header_itself_counts_for_nothing() {
    let server = server(&["127.0.0.1"]).await;
    assert!(gets_in(&server, "203.0.113.1, 192.0.2.1").await);
    assert!(gets_in(&server, "203.0.113.2, 192.0.2.1").await);
    assert!(!gets_in(&server, "203.0.113.3, 192.0.2.1").await);
}

#[tokio::test]
async fn nobody_is_believed_who_is_not_trusted() {
    let server = server(&["10.0.0.0/8"]).await;
    assert!(gets_in(&server, "192.0.2.1").await && gets_in(&server, "192.0.2.2").await);
    assert!(!gets_in(&server, "192.0.2.3").await);
}
