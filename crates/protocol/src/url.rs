//! The server's address as an application gives it.

use std::fmt;

use crate::json::write_escaped;
use crate::{Secret, read_number, write_number};

/// A WebSocket origin: `wss://HOST[:PORT]`, or `ws://` for a loopback host. The path is the protocol's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(String);

/// Why an address was refused. Completes the sentence "`url` …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidUrl {
    /// Not `wss://` or `ws://`, or no host, or characters that no URL has.
    NotWebSocket,
    /// `ws://` to a host that is not loopback would carry the credential in the clear.
    Insecure,
    /// The client appends the path itself.
    NotAnOrigin,
    /// A user name or password in the address.
    UserInfo,
}

impl InvalidUrl {
    /// The rule that the address breaks.
    pub const fn must(self) -> &'static str {
        match self {
            Self::NotWebSocket => "must be a wss:// URL",
            Self::Insecure => "must be wss:// (ws:// is allowed for localhost, 127.0.0.1 and [::1] only)",
            Self::NotAnOrigin => "must be an origin without path, query or fragment",
            Self::UserInfo => "must not contain a user name or password",
        }
    }
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.must())
    }
}

impl std::error::Error for InvalidUrl {}

impl ServerUrl {
    /// The public service.
    pub const DEFAULT: &'static str = "wss://rms.metered.ca";

    /// Checks an address. One trailing slash is taken for no path.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let url = url.to_ascii_lowercase();
        let origin = url.strip_suffix('/').unwrap_or(&url);
        let (secure, authority) = match (origin.strip_prefix("wss://"), origin.strip_prefix("ws://")) {
            (Some(authority), _) => (true, authority),
            (_, Some(authority)) => (false, authority),
            _ => return Err(InvalidUrl::NotWebSocket),
        };
        if authority.bytes().any(|b| b"/?#\\".contains(&b)) {
            return Err(InvalidUrl::NotAnOrigin);
        }
        if authority.bytes().any(|b| b == b'@') {
            return Err(InvalidUrl::UserInfo);
        }
        let host = host(authority).ok_or(InvalidUrl::NotWebSocket)?;
        if !secure && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
            return Err(InvalidUrl::Insecure);
        }
        Ok(Self(origin.to_owned()))
    }

    /// The address to open with a publishable key.
    pub fn with_key(&self, key: &Secret) -> Secret {
        self.with_query("key", key)
    }

    /// The address to open with a token.
    pub fn with_token(&self, token: &Secret) -> Secret {
        self.with_query("token", token)
    }

    fn with_query(&self, name: &str, value: &Secret) -> Secret {
        let mut url = String::with_capacity(self.0.len() + value.expose().len() + 16);
        url.push_str(&self.0);
        url.push_str("/v1?");
        url.push_str(name);
        url.push('=');
        percent_encode(&mut url, value.expose());
        Secret::new(url)
    }

    /// One of these addresses, with the wish to continue a session (our extension). `seen` is how many `message`,
    /// `direct` and `presence` frames have arrived since the session began: the server repeats what comes after,
    /// whether or not it had been written to a socket that was dead by then.
    pub fn resuming(address: &Secret, token: &Secret, seen: u64) -> Secret {
        let mut url = address.expose().to_owned();
        url.push_str("&resume=");
        percent_encode(&mut url, token.expose());
        url.push_str("&seen=");
        write_number(&mut url, seen);
        Secret::new(url)
    }
}

/// The host of `host[:port]`, if both are well-formed. Only an address in brackets has colons of its own.
fn host(authority: &str) -> Option<&str> {
    let colon = authority.bytes().rposition(|b| b == b':').filter(|_| !authority.ends_with(']'));
    let (host, port) = authority.split_at_checked(colon.unwrap_or(authority.len()))?;
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_name_byte = |b: u8| b.is_ascii_alphanumeric() || !b.is_ascii() || b".-_".contains(&b);
    let well_formed = name.unwrap_or(host).bytes().all(|b| is_name_byte(b) || (name.is_some() && b == b':'));
    let port_fits =
        port.len() <= 6 && read_number(port.get(1..).unwrap_or_default()).is_some_and(|port| port <= 65_535);
    (well_formed && port_fits && !name.unwrap_or(host).is_empty()).then_some(host)
}

/// Encodes everything but the unreserved characters of RFC 3986.
fn percent_encode(out: &mut String, text: &str) {
    write_escaped(out, text, "%", &|byte| {
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (!is_unreserved).then_some("")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_and_the_path_is_appended() {
        for (given, opened) in [
            ("wss://rms.metered.ca", "wss://rms.metered.ca/v1?key=k%20%2F%C3%A9"),
            ("WSS://Example.COM:8443/", "wss://example.com:8443/v1?key=k%20%2F%C3%A9"),
            ("ws://localhost:9292", "ws://localhost:9292/v1?key=k%20%2F%C3%A9"),
            ("ws://127.0.0.1", "ws://127.0.0.1/v1?key=k%20%2F%C3%A9"),
            ("ws://[::1]:1", "ws://[::1]:1/v1?key=k%20%2F%C3%A9"),
        ] {
            let url = ServerUrl::parse(given).unwrap();
            assert_eq!(url.with_key(&Secret::new("k /é")).expose(), opened);
        }
    }

    #[test]
    fn an_address_that_resumes_carries_the_token_and_what_was_seen() {
        let address = ServerUrl::parse("wss://a").unwrap().with_token(&Secret::new("t"));
        let resuming = ServerUrl::resuming(&address, &Secret::new("r&r"), 17);
        assert_eq!(resuming.expose(), "wss://a/v1?token=t&resume=r%26r&seen=17");
    }

    #[test]
    fn everything_else_is_refused_for_the_reason_that_applies() {
        for (given, why) in [
            ("", InvalidUrl::NotWebSocket),
            ("https://a", InvalidUrl::NotWebSocket),
            ("wss://", InvalidUrl::NotWebSocket),
            ("wss://a b", InvalidUrl::NotWebSocket),
            ("wss://a:99999", InvalidUrl::NotWebSocket),
            ("wss://a:x0000", InvalidUrl::NotWebSocket),
            ("wss://[::1", InvalidUrl::NotWebSocket),
            ("ws://example.com", InvalidUrl::Insecure),
            ("ws://localhost.example.com", InvalidUrl::Insecure),
            ("wss://a/v1", InvalidUrl::NotAnOrigin),
            ("wss://a?x", InvalidUrl::NotAnOrigin),
            ("wss://a#x", InvalidUrl::NotAnOrigin),
            ("wss://u:p@a", InvalidUrl::UserInfo),
            ("ws://localhost@evil.example", InvalidUrl::UserInfo),
        ] {
            assert_eq!(ServerUrl::parse(given), Err(why), "{given}");
        }
    }
}
