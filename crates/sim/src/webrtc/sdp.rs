//! Session descriptions, as much of them as the virtual world needs.

/// What a description says. One media section at most: that of the data channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    /// Tells the descriptions of one connection apart.
    pub version: u64,
    /// Who, cryptographically, made it. Only a description with a section says so.
    pub fingerprint: Option<String>,
    /// The ICE generation.
    pub ufrag: Option<String>,
    /// Whether there is a section for data channels.
    pub application: bool,
}

impl Sdp {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = format!("v=0\r\no=- 1 {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.version);
        if self.application {
            text.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n");
        }
        for (name, value) in [("ice-ufrag", &self.ufrag), ("fingerprint", &self.fingerprint)] {
            if let Some(value) = value {
                text.push_str(&format!("a={name}:{value}\r\n"));
            }
        }
        text
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Option<Self> {
        let attribute = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
        };
        let origin = attribute("o=")?;
        Some(Self {
            version: origin.split(' ').nth(2)?.parse().ok()?,
            fingerprint: attribute("a=fingerprint:"),
            ufrag: attribute("a=ice-ufrag:"),
            application: text.contains("\nm=application "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_the_way_to_text_and_back() {
        let empty = Sdp { version: 3, ..Sdp::default() };
        let full = Sdp {
            version: 7,
            fingerprint: Some("sha-256 AA:BB".into()),
            ufrag: Some("u1".into()),
            application: true,
        };
        for sdp in [empty, full] {
            assert_eq!(Sdp::parse(&sdp.text()), Some(sdp));
        }
        assert_eq!(Sdp::parse("no sdp"), None);
    }
}
