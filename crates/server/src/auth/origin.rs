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
        labels.is_some_and(|labels| labels.split('.').all(is_label))
    }
}

/// Whether this may stand between the dots of a host name.
fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
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

    /// An origin taken apart.
    #[derive(Clone, Debug, PartialEq)]
    struct Parts {
        scheme: &'static str,
        labels: Vec<&'static str>,
        port: Option<u16>,
    }

    impl Parts {
        /// One of few, so that two of them have much in common.
        fn draw(random: &mut fastrand::Rng) -> Self {
            let any = |random: &mut fastrand::Rng| *random.choice(&["a", "b-1", "xa", "com"]).unwrap();
            Self {
                scheme: random.choice(&["http", "https"]).unwrap(),
                labels: (0..random.usize(1..4)).map(|_| any(random)).collect(),
                port: *random.choice(&[None, None, Some(8443), Some(844)]).unwrap(),
            }
        }

        fn text(&self, star: &str) -> String {
            let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{star}{}{port}", self.scheme, self.labels.join("."))
        }
    }

    /// The same text with some letters in upper case.
    fn recased(random: &mut fastrand::Rng, text: &str) -> String {
        text.chars().map(|c| if random.bool() { c.to_ascii_uppercase() } else { c }).collect()
    }

    const CASES: u64 = 50_000;

    #[test]
    fn a_pattern_matches_what_it_says_part_by_part_and_nothing_else() {
        let mut matched = [0, 0];
        for seed in 0..CASES {
            let random = &mut fastrand::Rng::with_seed(seed);
            let (pattern, mut page) = (Parts::draw(random), Parts::draw(random));
            if random.bool() {
                // Close to what is allowed.
                let more = Parts::draw(random).labels;
                let labels = more.into_iter().take(random.usize(..3)).chain(pattern.labels.clone());
                page = Parts { labels: labels.collect(), ..pattern.clone() };
            }
            let star = random.bool();
            let fits = match page.labels.len().checked_sub(pattern.labels.len()) {
                None => false,
                Some(more) => (more > 0) == star && page.labels.ends_with(&pattern.labels),
            };
            let expected = fits && (page.scheme, page.port) == (pattern.scheme, pattern.port);
            let text = pattern.text(if star { "*." } else { "" });
            let (text, origin) = (recased(random, &text), recased(random, &page.text("")));
            assert_eq!(matches(&text, &origin), expected, "seed {seed}: {text} and {origin}");
            matched[usize::from(expected)] += 1;
        }
        assert!(matched.iter().all(|count| *count > CASES / 20), "{matched:?}");
    }

    #[test]
    fn what_is_no_origin_matches_no_pattern() {
        for seed in 0..CASES {
            let random = &mut fastrand::Rng::with_seed(seed);
            let pattern = Parts::draw(random);
            let star = if random.bool() { "*." } else { "" };
            let mut origin = pattern.text(if star.is_empty() { "" } else { "sub." });
            let host = origin.find("://").unwrap() + 3;
            let at = random.usize(host..=host + 4.min(origin.len() - host));
            let strange = *random.choice(b"/@#?\\ *%.:,;").unwrap();
            let is_dot_within = strange == b'.'
                && !origin[..at].ends_with(['.', '/'])
                && !origin[at..].starts_with('.')
                && at < origin.len();
            if is_dot_within {
                continue;
            }
            origin.insert(at, char::from(strange));
            let text = pattern.text(star);
            assert!(!matches(&text, &origin), "seed {seed}: {text} and {origin}");
        }
    }
}
