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
