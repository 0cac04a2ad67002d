//! TURN servers that the welcome tells of.

use serde_json::{Value, json};

use crate::harness::{Server, in_an_hour, token};

const APP: &str = r#"
[[apps]]
id = "app"
[[apps.publishable_keys]]
key = "pk_live_x"
[[apps.secret_keys]]
id = "sk"
secret = "the secret of the app"
[turn]
urls = ["turn:turn.example:3478", "stun:turn.example:3478"]
secret = "static-auth-secret of a coturn"
ttl_seconds = 3600
"#;

async fn metadata_of(query: &str) -> Value {
    let server = Server::configured(APP).await;
    server.open(query).await.frame().await["metadata"].clone()
}

fn with_metadata(metadata: Value) -> String {
    let claims = json!({"sub": "alice", "exp": in_an_hour(), "metadata": metadata});
    token("sk", "the secret of the app", &claims)
}

#[tokio::test]
async fn whoever_connects_is_told_of_the_turn_servers_with_a_credential_that_ends() {
    let earliest = in_an_hour();
    let server = Server::configured(APP).await;
    let mut client = server.open("key=pk_live_x").await;
    let welcome = client.frame().await;
    let servers = &welcome["metadata"]["iceServers"];
    assert_eq!(servers[0]["urls"], json!(["turn:turn.example:3478", "stun:turn.example:3478"]));
    let (end, peer) = servers[0]["username"].as_str().unwrap().split_once(':').unwrap();
    assert_eq!(peer, welcome["peerId"]);
    let end: u64 = end.parse().unwrap();
    assert!((earliest..=in_an_hour()).contains(&end), "{end}");
    // SHA-1 has 20 bytes.
    assert_eq!(servers[0]["credential"].as_str().unwrap().len(), 28);
}

#[tokio::test]
async fn a_token_keeps_its_other_metadata() {
    let metadata = metadata_of(&with_metadata(json!({"theme": "dark"}))).await;
    assert_eq!(metadata["theme"], "dark");
    assert!(metadata["iceServers"][0]["username"].as_str().unwrap().ends_with(":alice"));
}

#[tokio::test]
async fn a_token_with_ice_servers_of_its_own_keeps_them() {
    let own = json!({"iceServers": [{"urls": "stun:own.example"}]});
    assert_eq!(metadata_of(&with_metadata(own.clone())).await, own);
}

#[tokio::test]
async fn without_turn_servers_nothing_is_said_of_any() {
    let server = Server::dev().await;
    assert_eq!(server.open("key=pk_live_dev").await.frame().await.get("metadata"), None);
}
