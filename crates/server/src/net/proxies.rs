//! Whose address it is that comes with a request.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Proxies in front of the server whose word about a client's address is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These networks, each an address or `address/bits`.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Reads one network.
    pub fn parse_network(text: &str) -> Option<IpNet> {
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client behind a connection from `from`.
    ///
    /// Each proxy adds at the end of `X-Forwarded-For` whom it heard the request from, and what stands before that
    /// is hearsay. So it is read from the end, for as long as those who speak are trusted.
    pub(crate) fn client(&self, from: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = from.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or_default());
        let said: Vec<_> = lines.flat_map(|line| line.split(',')).collect();
        for entry in said.iter().rev() {
            if !self.trust(client) {
                break;
            }
            let Some(address) = parse_entry(entry.trim()) else { break };
            client = address.to_canonical();
        }
        client
    }
}

/// An address, which some proxies write with its port.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], from: &str, forwarded: &[&'static str]) -> String {
        let networks = proxies.iter().map(|text| TrustedProxies::parse_network(text).unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        TrustedProxies(networks).client(from.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn whoever_is_not_trusted_is_taken_for_the_client_whatever_it_says() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_says_who_the_client_is_and_hearsay_before_that_counts_for_nothing() {
        let proxies = &["10.0.0.0/8", "::1"];
        assert_eq!(client(proxies, "10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(proxies, "::ffff:10.1.2.3", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(proxies, "::1", &["203.0.113.9,198.51.100.7, 10.9.9.9"]), "198.51.100.7");
        assert_eq!(client(proxies, "::1", &["198.51.100.7", "10.9.9.9"]), "198.51.100.7");
        assert_eq!(client(proxies, "::1", &["198.51.100.7:1234"]), "198.51.100.7");
        assert_eq!(client(proxies, "::1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client(proxies, "::1", &["[2001:db8::1]"]), "2001:db8::1");
    }

    #[test]
    fn a_proxy_that_says_nothing_of_use_is_counted_itself() {
        for forwarded in [&[][..], &[""], &["unknown"], &["198.51.100.7, _hidden"]] {
            assert_eq!(client(&["10.0.0.0/8"], "10.1.2.3", forwarded), "10.1.2.3");
        }
    }
}
