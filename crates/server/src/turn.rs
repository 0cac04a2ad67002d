//! Credentials for a TURN server that shares a secret with us.
//!
//! The convention is coturn's "TURN REST API" (`use-auth-secret`): the user name is the time at which it ends and a name,
//! the password is a signature of it. Nothing has to be told to the TURN server, and what leaks is soon worth nothing.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use metered_protocol::{RawJson, Secret};
use serde::de::IgnoredAny;
use serde_json::json;
use sha1::Sha1;

use crate::Identity;
use crate::hub::UnixMillis;

/// The name in a connection's metadata under which clients look for ICE servers.
const ICE_SERVERS: &str = "iceServers";

/// TURN servers and what they share with us.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Where they are: `turn:turn.example.com:3478?transport=udp`. `stun:` is allowed too.
    pub urls: Vec<String>,
    /// coturn's `static-auth-secret`.
    pub secret: Secret,
    /// How long a credential holds, in seconds.
    pub ttl_seconds: u64,
}

impl Turn {
    /// How long a credential holds unless told otherwise, in seconds.
    pub const DEFAULT_TTL_SECONDS: u64 = 24 * 60 * 60;

    /// Whether this is the URL of a STUN or TURN server.
    pub fn is_url(url: &str) -> bool {
        let rest = ["turn:", "turns:", "stun:", "stuns:"].iter().find_map(|scheme| url.strip_prefix(scheme));
        url.len() <= metered_protocol::limits::MAX_ICE_SERVER_FIELD
            && rest.is_some_and(|rest| {
                !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(|b| b.is_ascii_graphic())
            })
    }

    /// Tells a connection how to use the TURN servers, unless its token has told it of others.
    pub(crate) fn introduce(&self, now: UnixMillis, identity: &mut Identity) {
        let servers = json!([self.ice_server(now, identity.peer_id.as_str())]);
        match &identity.metadata {
            None => identity.metadata = Some(RawJson::from_value(&json!({ICE_SERVERS: servers}))),
            Some(metadata) => {
                // Names only: what a token's metadata hold else goes on as it is.
                let Ok(names) = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(metadata.as_str())
                else {
                    return;
                };
                let Some(rest) = metadata.as_str().trim_start().strip_prefix('{') else { return };
                if names.contains_key(ICE_SERVERS) {
                    return;
                }
                let comma = if names.is_empty() { "" } else { "," };
                let text = format!("{{\"{ICE_SERVERS}\":{servers}{comma}{rest}");
                if let Ok(raw) = serde_json::from_str::<&serde_json::value::RawValue>(&text) {
                    identity.metadata = Some(RawJson::from(raw));
                }
            }
        }
    }

    fn ice_server(&self, now: UnixMillis, peer: &str) -> serde_json::Value {
        let end = (now.0 / 1000).saturating_add(self.ttl_seconds);
        let username = format!("{end}:{peer}");
        let credential = sign(&self.secret, &username);
        json!({"urls": self.urls, "username": username, "credential": credential})
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn sign(secret: &Secret, username: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()).expect("a key of any length");
    STANDARD.encode(mac.chain_update(username).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use metered_protocol::PeerId;
    use serde_json::Value;

    use super::*;

    fn turn() -> Turn {
        let urls = vec!["turn:turn.example:3478".to_owned(), "stun:turn.example:3478".to_owned()];
        Turn { urls, secret: Secret::new("north"), ttl_seconds: 600 }
    }

    fn introduce(metadata: Option<&str>) -> Value {
        let metadata = metadata
            .map(|text| RawJson::from(serde_json::from_str::<&serde_json::value::RawValue>(text).unwrap()));
        let mut identity = Identity { metadata, ..Identity::unrestricted(PeerId::parse("alice").unwrap()) };
        turn().introduce(UnixMillis(1_700_000_000_500), &mut identity);
        serde_json::from_str(identity.metadata.unwrap().as_str()).unwrap()
    }

    #[test]
    fn a_user_name_says_when_it_ends_and_whose_it_is_and_is_signed_as_coturn_does() {
        let server = &introduce(None)["iceServers"][0];
        assert_eq!(server["urls"], json!(["turn:turn.example:3478", "stun:turn.example:3478"]));
        assert_eq!(server["username"], "1700000600:alice");
        // printf 1700000600:alice | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(server["credential"], "gthUwOpcRoLI0MMCziCEBOWYnpo=");
    }

    #[test]
    fn other_metadata_stay_and_ice_servers_of_its_own_are_a_tokens_business() {
        let found = introduce(Some(r#" {"a":{"iceServers":1},"b":1.50}"#));
        assert_eq!(
            (&found["a"], &found["iceServers"][0]["username"]),
            (&json!({"iceServers": 1}), &json!("1700000600:alice"))
        );
        assert_eq!(introduce(Some("{ }"))["iceServers"][0]["username"], "1700000600:alice");
        for own in [r#"{"iceServers":[]}"#, r#"{"x":1,"iceServers":null}"#] {
            assert_eq!(introduce(Some(own)), serde_json::from_str::<Value>(own).unwrap());
        }
    }

    #[test]
    fn only_stun_and_turn_have_such_urls() {
        for url in ["turn:a", "turns:a:443?transport=tcp", "stun:[::1]:3478"] {
            assert!(Turn::is_url(url), "{url}");
        }
        for url in ["", "turn:", "turn://a", "https://a", "turn:a b", "a"] {
            assert!(!Turn::is_url(url), "{url}");
        }
    }
}
