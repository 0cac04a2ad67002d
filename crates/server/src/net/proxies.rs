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

    const CASES: u64 = 20_000;

    /// An address that is trusted by [`networks`], or one that is not.
    fn address(random: &mut fastrand::Rng, trusted: bool) -> IpAddr {
        let (low, wide) = (random.u8(..), random.u16(..));
        match (trusted, random.bool()) {
            (true, true) => IpAddr::from([10, random.u8(..), 0, low]),
            (true, false) => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, wide]),
            (false, true) => IpAddr::from([198, 51, 100, low]),
            (false, false) => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, wide]),
        }
    }

    fn networks() -> TrustedProxies {
        TrustedProxies(["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).into())
    }

    /// An address in one of the ways in which proxies write it.
    fn written(random: &mut fastrand::Rng, address: IpAddr) -> String {
        let spaces = " ".repeat(random.usize(..3));
        let text = match (address, random.u8(..4)) {
            (IpAddr::V4(address), 0) => address.to_ipv6_mapped().to_string(),
            (IpAddr::V6(address), 0) => format!("[{address}]"),
            (_, 1) => SocketAddr::new(address, random.u16(..)).to_string(),
            _ => address.to_string(),
        };
        format!("{spaces}{text}{spaces}")
    }

    /// What anybody may have sent ahead of what proxies add.
    fn hearsay(random: &mut fastrand::Rng) -> String {
        match random.u8(..4) {
            0 => {
                let length = random.usize(..20);
                let any = |_| char::from(*random.choice(b"0123456789.:[]_ fF\t;=/").unwrap());
                (0..length).map(any).collect()
            }
            1 => "unknown".to_owned(),
            kind => {
                let address = address(random, kind == 2);
                written(random, address)
            }
        }
    }

    /// Entries as header lines, with several in some of them.
    fn lines(random: &mut fastrand::Rng, entries: &[String]) -> HeaderMap {
        let mut lines = vec![String::new()];
        for (place, entry) in entries.iter().enumerate() {
            match (place, random.bool()) {
                (0, _) => {}
                (_, true) => lines.push(String::new()),
                (_, false) => lines.last_mut().unwrap().push(','),
            }
            lines.last_mut().unwrap().push_str(entry);
        }
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn whatever_a_client_claims_it_is_known_by_the_address_that_the_first_trusted_proxy_saw() {
        for seed in 0..CASES {
            let random = &mut fastrand::Rng::with_seed(seed);
            let client = address(random, false);
            let proxies: Vec<_> = (0..random.usize(..4)).map(|_| address(random, true)).collect();
            let mut entries: Vec<_> = (0..random.usize(..4)).map(|_| hearsay(random)).collect();
            let mut from = client;
            for proxy in proxies {
                entries.push(written(random, from));
                from = proxy;
            }
            let headers = lines(random, &entries);
            assert_eq!(networks().client(from, &headers), client, "seed {seed}: {entries:?} from {from}");
        }
    }

    #[test]
    fn no_header_makes_an_address_that_nobody_has_named() {
        for seed in 0..CASES {
            let random = &mut fastrand::Rng::with_seed(seed);
            let entries: Vec<_> = (0..random.usize(..6)).map(|_| hearsay(random)).collect();
            let is_trusted = random.bool();
            let from = address(random, is_trusted);
            let client = networks().client(from, &lines(random, &entries));
            let is_named = entries.iter().any(|entry| {
                parse_entry(entry.trim()).is_some_and(|address| address.to_canonical() == client)
            });
            assert!(client == from || is_named, "seed {seed}: {entries:?} from {from} made {client}");
        }
    }
}
