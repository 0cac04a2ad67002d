//! Origins: which pages may use a publishable key.

/// The origin of a page, or a family of them: `https://app.example.com`, `https://*.example.com`.
///
/// A `*.` stands for one or more labels of a host name, and never for the domain itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    /// Up to the host: `https://`.
    scheme: String,
    /// Whether any subdomain of the host will do.
    subdomains: bool,
    /// Host and port.
    authority: String,
}

impl OriginPattern {
    /// Reads a pattern: scheme, host, and a port unless it is the scheme's own.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let (subdomains, authority) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        let is_origin = matches!(scheme, "http" | "https")
            && !authority.is_empty()
            && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b));
        let is_default_port = match scheme {
            "https" => authority.ends_with(":443"),
            _ => authority.ends_with(":80"),
        };
        (is_origin && !is_default_port).then(|| Self {
            scheme: format!("{scheme}://"),
            subdomains,
            authority: authority.to_owned(),
        })
    }

    /// Whether a browser's `Origin` header names such a page.
    pub fn matches(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let Some(authority) = origin.strip_prefix(&self.scheme) else { return false };
        if !self.subdomains {
            return authority == self.authority;
        }
        let labels = authority.strip_suffix(&self.authority).and_then(|rest| rest.strip_suffix('.'));
        labels.is_some_and(|labels| !labels.is_empty() && !labels.contains(['/', '@', ':']))
    }
}

/// Whether a page may use a key. A request that names no page comes from none that may.
pub(super) fn permit(origins: Option<&[OriginPattern]>, origin: Option<&str>) -> bool {
    origins.is_none_or(|allowed| origin.is_some_and(|origin| allowed.iter().any(|one| one.matches(origin))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, origin: &str) -> bool {
        OriginPattern::parse(pattern).unwrap().matches(origin)
    }

    #[test]
    fn an_origin_is_matched_whole() {
        assert!(matches("https://app.example", "https://app.example"));
        assert!(matches("https://App.Example", "https://app.example"));
        assert!(matches("http://localhost:8080", "http://localhost:8080"));
        for other in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil",
            "https://evil/app.example",
            "null",
            "",
        ] {
            assert!(!matches("https://app.example", other), "{other}");
        }
    }

    #[test]
    fn a_star_stands_for_subdomains_only() {
        assert!(matches("https://*.example.com", "https://a.example.com"));
        assert!(matches("https://*.example.com", "https://a.b.example.com"));
        for other in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "https://a.example.com.evil",
            "https://evil/.example.com",
        ] {
            assert!(!matches("https://*.example.com", other), "{other}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for text in [
            "",
            "app.example",
            "*",
            "https://",
            "https://a/",
            "https://a/b",
            "ws://a",
            "https://a:443",
            "https://a b",
        ] {
            assert_eq!(OriginPattern::parse(text), None, "{text}");
        }
    }
}
