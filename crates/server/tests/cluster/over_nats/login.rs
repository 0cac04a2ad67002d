//! NATS that wants to know who comes.

use crate::directory::Directory;
use crate::processes::{Nats, Node, acquaint, until};

const FILE: &str = r#"
port = 0
[limits]
exempt_loopback = true
[[apps]]
id = "chat"
[[apps.publishable_keys]]
key = "pk_live_dev"
"#;

#[tokio::test]
async fn a_user_and_a_password_are_given_to_nats() {
    let nats = Nats::with(&["--user", "metered", "--pass", "let me in"]);
    let with = |password: &str| {
        format!("{FILE}[cluster]\nnats = \"{}\"\nuser = \"metered\"\n{password}\n", nats.url())
    };
    let directory = Directory::with(&[
        ("good.toml", &with("password_file = \"password\"")),
        ("bad.toml", &with("password = \"let me out\"")),
        ("password", "let me in\n"),
    ]);
    let start = |name: &str, environment: &[(&str, &str)]| {
        Node::with(&[directory.0.join(name).to_str().unwrap()], environment)
    };
    let good = start("good.toml", &[]);
    until(async || good.health().await, |health| health == "ok").await;
    let bad = start("bad.toml", &[]);
    assert!(bad.health().await.starts_with("degraded"));
    let corrected = start("bad.toml", &[("METERED_SERVER__CLUSTER__PASSWORD", "let me in")]);
    until(async || corrected.health().await, |health| health == "ok").await;
    assert!(bad.health().await.starts_with("degraded"), "it has had the time to be let in by mistake");
    acquaint(&[&good, &corrected]).await;
}

#[tokio::test]
async fn nats_is_spoken_to_over_tls_when_its_certificate_is_in_order() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let directory = Directory::with(&[("cert.pem", &cert.pem()), ("key.pem", &signing_key.serialize_pem())]);
    let path = |name: &str| directory.0.join(name).to_str().unwrap().to_owned();
    let nats = Nats::with(&["--tls", "--tlscert", &path("cert.pem"), "--tlskey", &path("key.pem")]);
    let start = |name: &str, ca: &str| {
        let text = format!("{FILE}[cluster]\nnats = \"tls://{}\"\n{ca}\n", nats.address());
        std::fs::write(directory.0.join(name), text).unwrap();
        Node::with(&[&path(name)], &[])
    };
    let [trusting, other] = ["a.toml", "b.toml"].map(|name| start(name, "ca = \"cert.pem\""));
    let suspicious = start("c.toml", "");
    acquaint(&[&trusting, &other]).await;
    assert_eq!(trusting.health().await, "ok");
    assert!(suspicious.health().await.starts_with("degraded"));
}
