//! The ICE servers that a welcome carries by convention at `metadata.iceServers`.

use crate::limits::{MAX_ICE_SERVER_FIELD, MAX_ICE_SERVER_URLS, MAX_ICE_SERVERS};
use crate::value::optional;
use crate::{Field, Secret, Value};

/// One `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` and `turns:` URLs; at least one.
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: Option<String>,
    /// TURN password.
    pub credential: Option<Secret>,
}

impl IceServer {
    /// Reads a list, dropping what is not an ICE server: a native connection would refuse its whole
    /// configuration for one bad entry.
    pub(crate) fn parse_list<V: Value>(list: &V) -> Vec<IceServer> {
        list.items(MAX_ICE_SERVERS).unwrap_or_default().iter().filter_map(Self::parse).collect()
    }

    fn parse<V: Value>(value: &V) -> Option<IceServer> {
        let urls = value.field(Field::Urls)?;
        let urls = match urls.string() {
            Some(url) => vec![url],
            None => urls.items(MAX_ICE_SERVER_URLS)?.iter().filter_map(Value::string).collect(),
        };
        let urls: Vec<String> = urls.into_iter().filter(|url| is_ice_url(url)).collect();
        if urls.is_empty() {
            return None;
        }
        let text = |field| match optional(value, field) {
            None => Some(None),
            Some(v) => v.string().filter(|s| s.len() <= MAX_ICE_SERVER_FIELD).map(Some),
        };
        let username = text(Field::Username)?;
        let credential = text(Field::Credential)?.map(Secret::new);
        let is_turn = |url: &String| url.as_bytes().first().is_some_and(|b| b.eq_ignore_ascii_case(&b't'));
        if urls.iter().any(is_turn) && (username.is_none() || credential.is_none()) {
            return None;
        }
        Some(IceServer { urls, username, credential })
    }
}

fn is_ice_url(url: &str) -> bool {
    url.len() <= MAX_ICE_SERVER_FIELD
        && ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| {
            url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme))
                && url.len() > scheme.len()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn good_servers_are_kept_and_bad_ones_dropped() {
        let list = json!([
            {"urls": "stun:a.example"},
            {"urls": ["turn:b.example", 7, "http://no"], "username": "u", "credential": "c"},
            {"urls": "turn:without-credential.example"},
            {"urls": []},
            {"urls": "stun:"},
            "stun:c.example",
            {"urls": "stun:d.example", "username": 7},
        ]);
        let servers = IceServer::parse_list(&list);
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[0].urls, ["stun:a.example"]);
        assert_eq!(servers[1].urls, ["turn:b.example"]);
        assert_eq!(servers[1].credential.as_ref().unwrap().expose(), "c");
    }

    #[test]
    fn a_long_list_is_cut() {
        let list = json!(vec![json!({"urls": "stun:a.example"}); 100]);
        assert_eq!(IceServer::parse_list(&list).len(), MAX_ICE_SERVERS);
    }
}
