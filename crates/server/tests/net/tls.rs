//! A server that has a certificate itself.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use metered_server::{Config, Limits, Tls};
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::directory::Directory;
use crate::harness::{Server, soon};

/// A certificate that it has signed itself, and its key.
fn made() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".into()]).unwrap()
}

/// A server with such a certificate, and the certificate.
async fn server(limits: Limits) -> (Server, CertificateDer<'static>) {
    let made = made();
    let chain = Tls::certificates(made.cert.pem().as_bytes()).unwrap();
    let key = Tls::private_key(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let tls = Some(Tls::new(chain, key).unwrap());
    (Server::start(Config { tls, limits, ..Config::dev() }).await, made.cert.der().clone())
}

async fn connect(
    server: &Server,
    trusted: Option<CertificateDer<'static>>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_is_welcomed_over_tls() {
    let (server, certificate) = server(Limits::default()).await;
    let stream = connect(&server, Some(certificate)).await.unwrap();
    let (mut socket, _) = soon(client_async("wss://localhost/v1?key=pk_live_dev", stream)).await.unwrap();
    let Some(Ok(Message::Text(text))) = soon(socket.next()).await else { panic!("no welcome") };
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["type"], "welcome");
    assert_eq!(server.state.connection_count(), 1);
    let stopped = server.stop();
    let closed = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| u16::from(frame.code));
            }
        }
        None
    };
    assert_eq!(soon(closed).await, Some(1001));
    while let Some(Ok(_)) = soon(socket.next()).await {}
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_for_new_connections_and_leaves_open_ones_alone() {
    let [first, second] = [made(), made()];
    let directory = Directory::with(&[]);
    let put = |cert: &str, key: &str| {
        fs::write(directory.0.join("cert.pem"), cert).unwrap();
        fs::write(directory.0.join("key.pem"), key).unwrap();
    };
    let [old, new] = [&first, &second].map(|made| (made.cert.pem(), made.signing_key.serialize_pem()));
    put(&old.0, &old.1);
    let text = "[[apps]]\nid = \"a\"\n[[apps.publishable_keys]]\nkey = \"pk_live_dev\"\n\
                [tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n";
    let config = Config::read(text, &directory.0, &BTreeMap::new()).unwrap();
    let tls = config.tls.clone().unwrap();
    let server = Server::start(config).await;
    let stream = connect(&server, Some(first.cert.der().clone())).await.unwrap();
    let (mut socket, _) = soon(client_async("wss://localhost/v1?key=pk_live_dev", stream)).await.unwrap();

    put(&new.0, &new.1);
    tls.reload().unwrap();
    assert!(connect(&server, Some(first.cert.der().clone())).await.is_err());
    connect(&server, Some(second.cert.der().clone())).await.unwrap();
    soon(socket.send(Message::Ping("still here".into()))).await.unwrap();
    let answer = async {
        loop {
            if let Message::Pong(answer) = socket.next().await.unwrap().unwrap() {
                return answer;
            }
        }
    };
    assert_eq!(soon(answer).await, "still here");

    for (cert, key, expected) in [
        (&*new.0, "no key", "key.pem: there is no private key in it"),
        ("no certificate", &*new.1, "cert.pem: there is no certificate in it"),
        (&*old.0, &*new.1, "certificate and key do not fit"),
    ] {
        put(cert, key);
        let error = tls.reload().unwrap_err();
        assert!(error.contains(expected), "{error}");
        connect(&server, Some(second.cert.der().clone())).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_stays_away() {
    let (server, _) = server(Limits::default()).await;
    assert!(connect(&server, None).await.is_err());
}

#[tokio::test]
async fn nothing_is_answered_in_the_clear() {
    let (server, _) = server(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_go_on_is_dropped() {
    let (server, _) = server(Limits { handshake_timeout_ms: 200, ..Limits::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let _ = soon(stream.read_to_end(&mut Vec::new())).await;
}
