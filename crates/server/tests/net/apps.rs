//! Several apps in one server.

use serde_json::json;

use crate::harness::{Server, in_an_hour, presence, token};

const TWO_APPS: &str = r#"
[[apps]]
id = "red"
[[apps.publishable_keys]]
key = "pk_live_red"
[[apps.secret_keys]]
id = "sk_red"
secret = "the secret of the red app"

[[apps]]
id = "blue"
[[apps.publishable_keys]]
key = "pk_live_blue"
channels = ["room"]
permissions = ["subscribe", "presence"]
[[apps.secret_keys]]
id = "sk_blue"
secret = "the secret of the blue app"
"#;

#[tokio::test]
async fn channels_of_one_name_do_not_meet_in_different_apps() {
    let server = Server::configured(TWO_APPS).await;
    let (mut red, mut blue) =
        (server.connect_with("key=pk_live_red").await, server.connect_with("key=pk_live_blue").await);
    assert_eq!(red.subscribe("room").await, presence("room", &[], &[]));
    assert_eq!(blue.subscribe("room").await, presence("room", &[], &[]));
    red.say(json!({"type": "publish", "channel": "room", "data": 1})).await;
    // Whatever had crossed would be there before the answer.
    assert_eq!(red.ask(json!({"type": "ping"})).await["type"], "pong");
    assert_eq!(blue.ask(json!({"type": "ping"})).await["type"], "pong");
    assert_eq!(server.state.connection_count(), 2);
}

#[tokio::test]
async fn a_peer_of_one_app_is_nobody_in_another_not_even_under_the_same_id() {
    let server = Server::configured(TWO_APPS).await;
    let claims = json!({"sub": "alice", "exp": in_an_hour()});
    let mut red = server.connect_with(&token("sk_red", "the secret of the red app", &claims)).await;
    let mut blue = server.connect_with(&token("sk_blue", "the secret of the blue app", &claims)).await;
    let mut bob = server.connect_with("key=pk_live_red").await;
    assert_eq!((red.peer_id.as_str(), blue.peer_id.as_str()), ("alice", "alice"));
    let answer = blue.ask(json!({"type": "send", "to": bob.peer_id, "data": 1, "requestId": "1"})).await;
    assert_eq!(answer["code"], "peer_not_found");
    bob.say(json!({"type": "send", "to": "alice", "data": 2})).await;
    assert_eq!(red.frame().await["data"], 2);
    assert_eq!(blue.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn the_secret_of_one_app_signs_nothing_for_another() {
    let server = Server::configured(TWO_APPS).await;
    let claims = json!({"sub": "alice", "exp": in_an_hour()});
    let query = token("sk_red", "the secret of the blue app", &claims);
    assert_eq!(server.open(&query).await.closed().await.0, 4001);
}

#[tokio::test]
async fn a_session_of_one_app_cannot_be_resumed_in_another() {
    let server = Server::configured(TWO_APPS).await;
    let mut red = server.open("key=pk_live_red").await;
    let welcome = red.frame().await;
    let resume = welcome["resume"]["token"].as_str().unwrap();
    let mut blue = server.open(&format!("key=pk_live_blue&resume={resume}")).await;
    let other = blue.frame().await;
    assert_ne!(other["peerId"], welcome["peerId"]);
    assert_ne!(other["resumed"], true);
}

#[tokio::test]
async fn a_publishable_key_may_do_what_the_file_says() {
    let server = Server::configured(TWO_APPS).await;
    let mut blue = server.connect_with("key=pk_live_blue").await;
    let elsewhere = json!({"type": "subscribe", "channel": "hall", "requestId": "1"});
    assert_eq!(blue.ask(elsewhere).await["code"], "channel_not_authorized");
    let publish = json!({"type": "publish", "channel": "room", "data": 1, "requestId": "1"});
    assert_eq!(blue.ask(publish).await["code"], "action_not_permitted");
    blue.subscribe("room").await;
}

#[tokio::test]
async fn a_key_of_no_app_is_told_4001() {
    let server = Server::configured(TWO_APPS).await;
    for query in ["", "key=pk_live_dev", "key=sk_red", "token=x"] {
        assert_eq!(server.open(query).await.closed().await.0, 4001, "{query}");
    }
}
