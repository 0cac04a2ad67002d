//! Publishable keys that are for certain pages.

use crate::harness::{Server, in_an_hour, token};

const APP: &str = r#"
[[apps]]
id = "app"
[[apps.publishable_keys]]
key = "pk_live_pages"
origins = ["https://app.example", "https://*.example.com"]
[[apps.publishable_keys]]
key = "pk_live_all"
[[apps.secret_keys]]
id = "sk"
secret = "the secret of the app"
"#;

#[tokio::test]
async fn a_key_for_certain_pages_lets_these_in() {
    let server = Server::configured(APP).await;
    for origin in ["https://app.example", "https://a.example.com"] {
        let mut page = server.open_with("key=pk_live_pages", &[("origin", origin)]).await;
        assert_eq!(page.frame().await["type"], "welcome", "{origin}");
    }
}

#[tokio::test]
async fn a_page_that_a_key_is_not_for_is_told_4001() {
    let server = Server::configured(APP).await;
    let expected = (4001, "the key is not for this origin".to_owned());
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "http://app.example")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://app.example"), ("origin", "https://evil.example")],
        &[("origin", "https://app.example.evil.example")],
        &[],
    ] {
        let mut page = server.open_with("key=pk_live_pages", headers).await;
        assert_eq!(page.closed().await, expected, "{headers:?}");
    }
    assert_eq!(server.state.connection_count(), 0);
}

#[tokio::test]
async fn other_keys_and_tokens_are_for_everybody() {
    let server = Server::configured(APP).await;
    let claims = serde_json::json!({"sub": "alice", "exp": in_an_hour()});
    for query in ["key=pk_live_all".to_owned(), token("sk", "the secret of the app", &claims)] {
        for headers in [&[][..], &[("origin", "https://evil.example")]] {
            assert_eq!(server.open_with(&query, headers).await.frame().await["type"], "welcome");
        }
    }
}
