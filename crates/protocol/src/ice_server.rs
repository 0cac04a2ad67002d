//! The ICE servers that a welcome carries by convention at `metadata.iceServers`.
//!
//! They go to the platform's `RTCPeerConnection` as they are, so they are checked and not converted: a native
//! connection refuses its whole configuration for one bad entry.

use crate::ids::starts_with_any_case;
use crate::limits::{MAX_ICE_SERVER_FIELD, MAX_ICE_SERVER_URLS, MAX_ICE_SERVERS};
use crate::value::optional;
use crate::{Field, Value};

/// The entries of a list that are an `RTCIceServer`, at most [`MAX_ICE_SERVERS`].
pub(crate) fn ice_servers<V: Value>(list: &V) -> Vec<V> {
    let mut servers = Vec::new();
    for server in list.items(MAX_ICE_SERVERS).unwrap_or_default() {
        if is_ice_server(&server) {
            servers.push(server);
        }
    }
    servers
}

/// Whether a value has one or more STUN or TURN URLs, and with TURN a user name and a credential.
fn is_ice_server<V: Value>(server: &V) -> bool {
    let Some(urls) = server.field(Field::Urls) else { return false };
    // One more than there may be, so that too many are seen.
    let urls = urls.items(MAX_ICE_SERVER_URLS + 1).unwrap_or_else(|| vec![urls]);
    let has = |field| optional(server, field).map(|value| value.string().is_some_and(|text| fits(&text)));
    let (username, credential) = (has(Field::Username), has(Field::Credential));
    let may_be_turn = username == Some(true) && credential == Some(true);
    (1..=MAX_ICE_SERVER_URLS).contains(&urls.len())
        && username != Some(false)
        && credential != Some(false)
        && urls.iter().all(|url| url.string().is_some_and(|url| is_ice_url(&url, may_be_turn)))
}

fn is_ice_url(url: &str, may_be_turn: bool) -> bool {
    let has = |schemes: [&str; 2]| schemes.into_iter().any(|scheme| starts_with_any_case(url, scheme));
    fits(url) && (has(["stun:", "stuns:"]) || (may_be_turn && has(["turn:", "turns:"])))
}

fn fits(text: &str) -> bool {
    text.len() <= MAX_ICE_SERVER_FIELD
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn good_servers_are_kept_and_bad_ones_dropped() {
        let stun = json!({"urls": "stun:a.example"});
        let turn = json!({"urls": ["TURN:b.example", "turns:b.example"], "username": "u", "credential": "c"});
        let list = json!([
            stun,
            turn,
            {"urls": ["stun:a.example", 7]},
            {"urls": ["stun:a.example", "http://no"]},
            {"urls": "turn:without-credential.example"},
            {"urls": []},
            {"urls": vec!["stun:a.example"; 17]},
            {"urls": format!("stun:{}", "a".repeat(2000))},
            "stun:c.example",
            {"urls": "stun:d.example", "username": 7},
            {"urls": "turn:e.example", "username": "u", "credential": "c".repeat(2000)},
        ]);
        assert_eq!(ice_servers(&list), [stun, turn]);
    }

    #[test]
    fn a_long_list_is_cut() {
        let list = json!(vec![json!({"urls": "stun:a.example"}); 100]);
        assert_eq!(ice_servers(&list).len(), MAX_ICE_SERVERS);
    }
}
