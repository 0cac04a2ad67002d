//! Session descriptions, as much of them as the virtual world needs.

/// A media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its identification tag.
    pub mid: String,
    /// What it is for.
    pub kind: Kind,
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All data channels of the connection.
    Application,
    /// One transceiver.
    Media,
}

/// What a description says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    /// Tells the descriptions of one connection apart.
    pub version: u64,
    /// Who, cryptographically, made it. Only a description with a section says so.
    pub fingerprint: Option<String>,
    /// The ICE generation, likewise.
    pub ufrag: Option<String>,
    /// The sections, which keep their places for ever.
    pub sections: Vec<Section>,
}

impl Sdp {
    /// Whether there is a section for data channels.
    pub fn has_application(&self) -> bool {
        self.application().is_some()
    }

    /// The tag of the section for data channels.
    pub fn application(&self) -> Option<&str> {
        let section = self.sections.iter().find(|section| section.kind == Kind::Application)?;
        Some(&section.mid)
    }

    /// Whether there is a section with this tag.
    pub fn has_section(&self, mid: &str) -> bool {
        self.sections.iter().any(|section| section.mid == mid)
    }

    /// The text.
    pub fn text(&self) -> String {
        let mut text = format!("v=0\r\no=- 1 {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.version);
        for Section { mid, kind } in &self.sections {
            text.push_str(match kind {
                Kind::Application => "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
                Kind::Media => "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
            });
            text.push_str(&format!("a=mid:{mid}\r\n"));
            for (name, value) in [("ice-ufrag", &self.ufrag), ("fingerprint", &self.fingerprint)] {
                if let Some(value) = value {
                    text.push_str(&format!("a={name}:{value}\r\n"));
                }
            }
        }
        text
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Option<Self> {
        let attribute =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.to_owned());
        let mut sections = Vec::new();
        let mut kind = None;
        for line in text.lines() {
            match line.get(..6) {
                Some("m=appl") => kind = Some(Kind::Application),
                Some("m=audi") => kind = Some(Kind::Media),
                Some("a=mid:") => sections.push(Section { mid: line.get(6..)?.to_owned(), kind: kind? }),
                _ => {}
            }
        }
        Some(Self {
            version: attribute("o=")?.split(' ').nth(2)?.parse().ok()?,
            fingerprint: attribute("a=fingerprint:"),
            ufrag: attribute("a=ice-ufrag:"),
            sections,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_the_way_to_text_and_back() {
        let section = |mid: &str, kind| Section { mid: mid.into(), kind };
        let empty = Sdp { version: 3, ..Sdp::default() };
        let full = Sdp {
            version: 7,
            fingerprint: Some("sha-256 AA:BB".into()),
            ufrag: Some("u1".into()),
            sections: vec![section("0", Kind::Media), section("1", Kind::Application)],
        };
        for sdp in [empty, full] {
            assert_eq!(Sdp::parse(&sdp.text()), Some(sdp));
        }
        assert_eq!(Sdp::parse("no sdp"), None);
    }
}
