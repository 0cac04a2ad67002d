//! The REST API, from the request to what clients see of it.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use metered_protocol::Secret;
use metered_server::{Action, ChannelPattern, Config, Grants, Limits};
use serde_json::{Value, json};

use crate::harness::{Server, presence, soon};
use crate::http::{KEY, call, request};

/// Every endpoint that needs a key, with a body that it takes.
const ENDPOINTS: [(&str, &str); 5] = [
    ("POST /v1/tokens", r#"{"peerId":"alice"}"#),
    ("GET /v1/channels/room/peers", ""),
    ("POST /v1/channels/room/publish", r#"{"data":1}"#),
    ("DELETE /v1/peers/alice", ""),
    ("GET /v1/usage", ""),
];

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn without_a_good_secret_key_every_endpoint_gives_the_same_401() {
    let server = Server::dev().await;
    let mut answers = Vec::new();
    for (line, body) in ENDPOINTS {
        for authorization in [
            "",
            "Bearer",
            "Bearer sk_id_dev",
            "Bearer sk_id_dev:wrong",
            "Bearer sk_id_revoked:sk_secret_dev",
            "Bearer pk_live_dev",
            "Bearer pk_live_dev:pk_live_dev",
            "Basic c2tfaWRfZGV2OnNrX3NlY3JldF9kZXY=",
        ] {
            let response = request(server.address, line, &[("authorization", authorization)], body).await;
            assert_eq!(response.problem(), (401, "unauthorized".into()), "{line} with {authorization:?}");
            assert!(response.head.contains("www-authenticate: bearer"));
            answers.push(response.body);
        }
        let response = request(server.address, line, &[], body).await;
        assert_eq!(response.problem().0, 401);
        let twice = [("authorization", KEY), ("authorization", KEY)];
        assert_eq!(request(server.address, line, &twice, body).await.problem().0, 401);
        assert_eq!(call(server.address, line, body).await.status, 200, "{line}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_token_is_signed_by_its_key_and_says_all_that_was_asked_for() {
    let server = Server::dev().await;
    let metadata = json!({"iceServers": [{"urls": "stun:stun.example"}]});
    let wish = json!({
        "peerId": "alice", "channels": ["room-*"], "permissions": ["subscribe", "publish"], "expiresInSec": 60,
        "metadata": metadata, "peerMetadata": {"name": "Alice"}, "surprise": true,
    });
    let before = now();
    let answer = call(server.address, "POST /v1/tokens", &wish.to_string()).await.json();
    let expires_at = answer["expiresAt"].as_u64().unwrap();
    assert!((before + 60..=now() + 60).contains(&expires_at));
    let token = answer["token"].as_str().unwrap();
    let secret = DecodingKey::from_secret(b"sk_secret_dev");
    let decoded = decode::<Value>(token, &secret, &Validation::new(Algorithm::HS256)).unwrap();
    assert_eq!(decoded.header.kid.as_deref(), Some("sk_id_dev"));
    assert_eq!(
        decoded.claims,
        json!({
            "sub": "alice", "iat": expires_at - 60, "exp": expires_at, "channels": ["room-*"],
            "permissions": ["subscribe", "publish"], "metadata": metadata, "peerMetadata": {"name": "Alice"},
        })
    );

    let mut alice = server.open(&format!("token={token}")).await;
    let welcome = alice.frame().await;
    assert_eq!((&welcome["peerId"], &welcome["metadata"]), (&json!("alice"), &metadata));
    assert_eq!(welcome["expiresAt"], expires_at);
    alice.subscribe("room-1").await;
    let refused = alice.ask(json!({"type": "subscribe", "channel": "hall", "requestId": "1"})).await;
    assert_eq!(refused["code"], "channel_not_authorized");
    let refused = alice.ask(json!({"type": "send", "to": "alice", "data": 1, "requestId": "1"})).await;
    assert_eq!(refused["code"], "action_not_permitted");
}

#[tokio::test]
async fn a_token_lasts_an_hour_unless_it_is_said_and_a_day_at_most() {
    let server = Server::dev().await;
    for (wish, seconds) in [
        (json!({"peerId": "a"}), 3600),
        (json!({"peerId": "a", "expiresInSec": null, "channels": null, "metadata": null}), 3600),
        (json!({"peerId": "a", "expiresInSec": 86_400}), 86_400),
        (json!({"peerId": "a", "expiresInSec": 1}), 1),
        (json!({"peerId": "a", "expiresInSec": 60.0}), 60),
    ] {
        let answer = call(server.address, "POST /v1/tokens", &wish.to_string()).await.json();
        let left = answer["expiresAt"].as_u64().unwrap() - now();
        assert!((seconds - 1..=seconds).contains(&left), "{wish}: {left}");
    }
}

#[tokio::test]
async fn what_no_token_can_be_made_of_is_an_invalid_request() {
    let server = Server::dev().await;
    let with = |more: Value| {
        let mut wish = json!({"peerId": "alice"});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish.to_string()
    };
    for body in [
        "".to_owned(),
        "nonsense".into(),
        "[]".into(),
        r#"["alice",null,null,null,null,null]"#.into(),
        "{}".into(),
        with(json!({"peerId": ""})),
        with(json!({"peerId": "é"})),
        with(json!({"peerId": "p".repeat(129)})),
        with(json!({"peerId": 5})),
        with(json!({"expiresInSec": 0})),
        with(json!({"expiresInSec": 86_401})),
        with(json!({"expiresInSec": -1})),
        with(json!({"expiresInSec": "60"})),
        with(json!({"expiresInSec": 60.5})),
        with(json!({"channels": "room"})),
        with(json!({"channels": [""]})),
        with(json!({"channels": vec!["x"; 101]})),
        with(json!({"permissions": ["dance"]})),
        with(json!({"permissions": vec!["publish"; 17]})),
        with(json!({"metadata": [1]})),
        with(json!({"metadata": {"x": "x".repeat(8 * 1024)}})),
        with(json!({"peerMetadata": "x"})),
        with(json!({"peerMetadata": {"x": "x".repeat(4 * 1024)}})),
        with(json!({"channels": vec!["x".repeat(300); 90]})),
    ] {
        let response = call(server.address, "POST /v1/tokens", &body).await;
        assert_eq!(response.problem(), (400, "invalid_request".into()), "{}", &body[..body.len().min(99)]);
        assert!(response.body.len() < 500);
    }
}

#[tokio::test]
async fn the_peers_of_a_channel_are_listed_with_what_they_show() {
    let server = Server::dev().await;
    let list =
        async |name: &str| call(server.address, &format!("GET /v1/channels/{name}/peers"), "").await.json();
    assert_eq!(list("nowhere").await, json!({"channel": "nowhere", "peers": []}));
    let wish = json!({"peerId": "alice", "peerMetadata": {"name": "Alice"}}).to_string();
    let token = call(server.address, "POST /v1/tokens", &wish).await.json();
    let query = format!("token={}", token["token"].as_str().unwrap());
    let (mut tab, mut other_tab) = (server.connect_with(&query).await, server.connect_with(&query).await);
    tab.subscribe("app/räum 1%").await;
    other_tab.subscribe("app/räum 1%").await;
    assert_eq!(
        list("app%2Fr%C3%A4um%201%25").await,
        json!({"channel": "app/räum 1%", "peers": [{"peerId": "alice", "metadata": {"name": "Alice"}}]})
    );
}

#[tokio::test]
async fn a_message_of_the_backend_reaches_everybody_in_the_channel() {
    let server = Server::dev().await;
    let (mut alice, mut bob) = (server.connect().await, server.connect().await);
    alice.subscribe("app/room").await;
    bob.say(json!({"type": "subscribe", "channel": "app/room", "includeSenderMetadata": true})).await;
    bob.frame().await;
    assert_eq!(alice.frame().await, presence("app/room", &[&bob], &[]));
    let line = "POST /v1/channels/app%2Froom/publish";
    let body = r#"{"data":{"z":1.0,"a":null},"from":"moderator","peerMetadata":{"kind":"bot"}}"#;
    let answer = call(server.address, line, body).await.json();
    assert_eq!(answer, json!({"channel": "app/room", "delivered": 2}));
    let data = json!({"z": 1.0, "a": null});
    assert_eq!(
        alice.frame().await,
        json!({"type": "message", "channel": "app/room", "from": "moderator", "data": data})
    );
    assert_eq!(bob.frame().await["fromMetadata"], json!({"kind": "bot"}));

    call(server.address, line, r#"{"data":null}"#).await.json();
    let message = alice.frame().await;
    assert_eq!((&message["from"], &message["data"]), (&json!("system"), &json!(null)));
    let answer = call(server.address, "POST /v1/channels/empty/publish", r#"{"data":1}"#).await.json();
    assert_eq!(answer["delivered"], 0);
}

#[tokio::test]
async fn what_is_no_message_or_no_channel_is_an_invalid_request() {
    let server = Server::dev().await;
    let publish = |name: &str| format!("POST /v1/channels/{name}/publish");
    for (line, body) in [
        (publish("room"), ""),
        (publish("room"), "{}"),
        (publish("room"), r#"[1,null,null]"#),
        (publish("room"), r#"{"data":1,"from":""}"#),
        (publish("room"), r#"{"data":1,"from":"é"}"#),
        (publish("room"), r#"{"data":1,"peerMetadata":[]}"#),
        (publish("%00"), r#"{"data":1}"#),
        (publish("%ff"), r#"{"data":1}"#),
        (publish(&"x".repeat(257)), r#"{"data":1}"#),
        ("GET /v1/channels/%C2%85/peers".into(), ""),
        ("DELETE /v1/peers/%C3%A9".into(), ""),
        (format!("DELETE /v1/peers/{}", "p".repeat(129)), ""),
    ] {
        let response = call(server.address, &line, body).await;
        assert_eq!(response.problem(), (400, "invalid_request".into()), "{line} {body}");
    }
    for name in ["_metered%2Fx", "_SYSTEM%2Fx"] {
        let response = call(server.address, &publish(name), r#"{"data":1}"#).await;
        assert_eq!(response.problem(), (400, "channel_reserved".into()));
    }
}

#[tokio::test]
async fn a_kick_closes_every_socket_of_a_peer_with_4020_and_none_is_no_error() {
    let server = Server::dev().await;
    let wish = r#"{"peerId":"alice smith"}"#;
    let token = call(server.address, "POST /v1/tokens", wish).await.json();
    let query = format!("token={}", token["token"].as_str().unwrap());
    let (mut tab, mut other_tab) = (server.connect_with(&query).await, server.connect_with(&query).await);
    let mut bob = server.connect().await;
    let line = "DELETE /v1/peers/alice%20smith";
    let answer = call(server.address, line, "").await.json();
    assert_eq!(answer, json!({"peerId": "alice smith", "closed": 2}));
    assert_eq!(tab.closed().await.0, 4020);
    assert_eq!(other_tab.closed().await.0, 4020);
    assert_eq!(bob.ask(json!({"type": "ping"})).await["type"], "pong");
    assert_eq!(call(server.address, line, "").await.json()["closed"], 0);
}

#[tokio::test]
async fn a_kick_ends_what_waits_for_a_peer_whose_socket_broke() {
    let server = Server::dev().await;
    let mut bob = server.connect().await;
    bob.subscribe("room").await;
    let mut alice = server.open("key=pk_live_dev").await;
    let welcome = alice.frame().await;
    alice.peer_id = welcome["peerId"].as_str().unwrap().to_owned();
    alice.subscribe("room").await;
    assert_eq!(bob.frame().await, presence("room", &[&alice], &[]));
    let id = alice.peer_id.clone();
    drop(alice);
    soon(async {
        while server.state.connection_count() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = call(server.address, &format!("DELETE /v1/peers/{id}"), "").await.json();
    assert_eq!(answer["closed"], 0, "there was no socket to close");
    assert_eq!(bob.frame().await, presence("room", &[], &[&id]));
    let token = welcome["resume"]["token"].as_str().unwrap();
    let mut alice = server.open(&format!("key=pk_live_dev&seen=1&resume={token}")).await;
    assert_eq!(alice.frame().await["resumed"], false);
}

#[tokio::test]
async fn usage_tells_what_there_is_and_was() {
    let server = Server::dev().await;
    let (mut alice, bob) = (server.connect().await, server.connect().await);
    alice.subscribe("room").await;
    alice.ask(json!({"type": "send", "to": bob.peer_id, "data": 1, "requestId": "1"})).await;
    call(server.address, &format!("DELETE /v1/peers/{}", bob.peer_id), "").await;
    let usage = call(server.address, "GET /v1/usage", "").await.json();
    assert!((now() - 60..=now()).contains(&usage["periodStartUnix"].as_u64().unwrap()));
    for (name, expected) in [
        ("concurrentNow", json!(1)),
        ("peakConcurrent", json!(2)),
        ("messagesUsed", json!(1)),
        ("peers", json!(1)),
        ("channels", json!(1)),
        ("periodEndUnix", json!(null)),
        ("appId", json!("dev")),
    ] {
        assert_eq!(usage[name], expected, "{name}");
    }
}

#[tokio::test]
async fn a_key_reaches_no_further_than_its_grants() {
    let mut config = Config::dev();
    let patterns = [ChannelPattern::parse("app/*").unwrap()];
    config.apps[0].keys.secret[0].grants = Grants::new([Action::Publish].into_iter().collect(), patterns);
    let server = Server::start(config).await;
    let at = server.address;
    let refused = call(at, "POST /v1/channels/room/publish", r#"{"data":1}"#).await;
    assert_eq!(refused.problem(), (403, "channel_not_authorized".into()));
    let refused = call(at, "GET /v1/channels/app%2Froom/peers", "").await;
    assert_eq!(refused.problem(), (403, "action_not_permitted".into()));
    assert_eq!(call(at, "POST /v1/channels/app%2Froom/publish", r#"{"data":1}"#).await.status, 200);
}

#[tokio::test]
async fn a_key_sees_and_touches_its_own_app_only() {
    let mut config = Config::dev();
    let mut other = config.apps[0].clone();
    other.id = "other".into();
    other.keys.publishable[0].key = Secret::new("pk_live_other");
    (other.keys.secret[0].id, other.keys.secret[0].secret) = ("sk_id_other".into(), Secret::new("other"));
    config.apps.push(other);
    let server = Server::start(config).await;
    let mut alice = server.connect().await;
    alice.subscribe("room").await;
    let ask = async |line: String, body: &str| {
        let key = [("authorization", "Bearer sk_id_other:other")];
        request(server.address, &line, &key, body).await.json()
    };
    assert_eq!(ask("GET /v1/channels/room/peers".into(), "").await["peers"], json!([]));
    assert_eq!(ask("POST /v1/channels/room/publish".into(), r#"{"data":1}"#).await["delivered"], 0);
    assert_eq!(ask(format!("DELETE /v1/peers/{}", alice.peer_id), "").await["closed"], 0);
    let usage = ask("GET /v1/usage".into(), "").await;
    assert_eq!((&usage["appId"], &usage["concurrentNow"]), (&json!("other"), &json!(0)));
    let token = ask("POST /v1/tokens".into(), r#"{"peerId":"bob"}"#).await;
    let query = format!("token={}", token["token"].as_str().unwrap());
    let mut bob = server.connect_with(&query).await;
    assert_eq!(bob.subscribe("room").await["joined"], json!([]), "another room of that name");
    assert_eq!(alice.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn a_body_may_have_32_kb_and_more_is_413() {
    let server = Server::dev().await;
    let body = |length: usize| format!(r#"{{"data":"{}"}}"#, "x".repeat(length - 11));
    let line = "POST /v1/channels/room/publish";
    assert_eq!(call(server.address, line, &body(32 * 1024)).await.status, 200);
    let response = call(server.address, line, &body(32 * 1024 + 1)).await;
    assert_eq!(response.problem(), (413, "invalid_request".into()));
}

#[tokio::test]
async fn what_leads_nowhere_is_404_and_a_wrong_method_405() {
    let server = Server::dev().await;
    for line in ["GET /v1/", "GET /v1/nothing", "POST /v1/channels/a/b/publish", "DELETE /v1/peers/"] {
        assert_eq!(call(server.address, line, "").await.problem(), (404, "not_found".into()), "{line}");
    }
    let response = call(server.address, "GET /v1/tokens", "").await;
    assert_eq!(response.problem(), (405, "method_not_allowed".into()));
    assert!(response.head.contains("allow: post"), "{}", response.head);
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_429_and_when_to_come_back() {
    let limits = Limits { requests_per_second: 1, request_burst: 2, ..Limits::default() };
    let server = Server::start(Config { limits, ..Config::dev() }).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(call(server.address, "GET /v1/usage", "").await);
    }
    assert_eq!(answers[0].status, 200);
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(refused.problem(), (429, "rate_limited".into()));
    assert!(refused.head.contains("retry-after: 1"));
}

#[tokio::test]
async fn the_document_is_served_to_everyone() {
    let server = Server::dev().await;
    let document = request(server.address, "GET /v1/openapi.json", &[], "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn answers_never_repeat_a_secret() {
    let mut config = Config::dev();
    config.apps[0].keys.secret[0].secret = Secret::new("hush");
    let server = Server::start(config).await;
    for authorization in ["Bearer sk_id_dev:hush", "Bearer sk_id_dev:hush2", "Bearer hush"] {
        for (line, body) in ENDPOINTS {
            let response = request(server.address, line, &[("authorization", authorization)], body).await;
            assert!(!response.body.contains("hush") && !response.head.contains("hush"));
        }
    }
}

#[tokio::test]
async fn an_address_that_guesses_keys_is_told_429_whatever_it_presents_then() {
    let limits = Limits { failed_requests_per_address: 2, ..Limits::default() };
    let server = Server::start(Config { limits, exempt_loopback: false, ..Config::dev() }).await;
    let line = "GET /v1/usage";
    let guess = [("authorization", "Bearer sk_id_dev:wrong")];
    assert_eq!(call(server.address, line, "").await.status, 200, "a valid key counts as no guess");
    for headers in [&guess[..], &[]] {
        let answer = request(server.address, line, headers, "").await;
        assert_eq!(answer.problem(), (401, "unauthorized".into()));
    }
    for headers in [&guess, &[("authorization", KEY)]] {
        let answer = request(server.address, line, headers, "").await;
        assert_eq!(answer.problem(), (429, "rate_limited".into()));
        assert!(answer.head.contains("retry-after: "), "{answer:?}");
    }
}
