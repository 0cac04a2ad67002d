//! What two peers say to each other through `send` and `direct` frames to set a connection up.
//!
//! A payload is a signal when it has one of the reserved shapes; everything else is the user's. A payload with
//! a reserved shape and a wrong content is [`Malformed`]: it is dropped and never surfaces as user data.

use crate::json::{write_name, write_string_field};
use crate::limits::{MAX_CANDIDATE_LENGTH, MAX_SDP_LENGTH};
use crate::value::{index, optional, required_string};
use crate::{Field, Malformed, ToJson, Value};

/// A signal between two peers.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal<V> {
    /// `rtc-description`: an offer or an answer.
    Description(Description),
    /// `rtc-ice`: a candidate, or `None` when there are no more.
    Candidate(Option<Candidate>),
    /// `__meteredTrackMeta`: the metadata of a track that a later offer carries.
    TrackMeta(TrackMeta<V>),
}

/// What the sender of a track says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackMeta<V> {
    /// The sender's track id. At the receiver the track may have another: Firefox and Safari mint their own, and so
    /// does every stack for a track that an answer brings.
    pub track_id: String,
    /// The metadata, an object; `None` clears it.
    pub metadata: Option<V>,
    /// The id of the track's stream, to find the track by when its id does not match.
    pub stream_id: Option<String>,
    /// `audio` or `video`, to find the track by when its id does not match.
    pub kind: Option<String>,
}

/// The two types of description that cross the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpType {
    /// An offer.
    Offer,
    /// The answer to an offer.
    Answer,
}

impl SdpType {
    /// The name of the type in `RTCSdpType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
        }
    }
}

/// An `RTCSessionDescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Offer or answer.
    pub kind: SdpType,
    /// The SDP text. Contains `ice-pwd`: it is not for logs.
    pub sdp: String,
}

/// The DTLS certificate fingerprint of a description: who, cryptographically, is at the other end. A peer that
/// keeps its connection keeps it; a peer that built a new connection has another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Vec<u8>);

impl Description {
    /// The description's fingerprint, or `None` if it names none. All media sections of a bundle share one
    /// transport and so one fingerprint: the first speaks for all.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        Some(Fingerprint(self.attribute(b"a=fingerprint:")?.to_ascii_lowercase()))
    }

    /// The description's ICE generation, or `None` if it names none. It changes when ICE restarts.
    pub fn generation(&self) -> Option<Generation> {
        Some(Generation(self.attribute(b"a=ice-ufrag:")?.to_vec()))
    }

    /// Whether it describes no media and no data.
    pub fn is_empty(&self) -> bool {
        self.attribute(b"m=").is_none()
    }

    /// Whether it describes nothing and bundles that in a group, as aiortc does.
    pub fn bundles_nothing(&self) -> bool {
        self.is_empty() && self.attribute(b"a=group:BUNDLE").is_some_and(<[u8]>::is_empty)
    }

    /// The identification tag of the section for data channels, or `None` if there is no such section.
    pub fn data_section(&self) -> Option<&[u8]> {
        let mut is_data = false;
        for line in lines(self.sdp.as_bytes()) {
            if line.starts_with(b"m=") {
                is_data = line.starts_with(b"m=application ");
            } else if let Some(tag) = line.strip_prefix(b"a=mid:").filter(|_| is_data) {
                return Some(tag.trim_ascii());
            }
        }
        None
    }

    /// Whether one can be the answer to the other: that has as many sections, of the same kinds (RFC 3264, section 6).
    pub fn has_sections_of(&self, other: &Self) -> bool {
        self.kinds().eq(other.kinds())
    }

    fn kinds(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let sections = lines(self.sdp.as_bytes()).filter_map(|line| line.strip_prefix(b"m="));
        sections.map(|section| section.split(|&byte| byte == b' ').next())
    }

    /// Whether both are one description, whatever candidates they have taken in.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.lines_but_candidates().eq(other.lines_but_candidates())
    }

    fn lines_but_candidates(&self) -> impl Iterator<Item = &[u8]> {
        lines(self.sdp.as_bytes()).filter(|line| !line.starts_with(b"a=candidate:"))
    }

    /// Takes in a candidate of the connection that it describes, in the section and of the generation that the candidate
    /// names, unless the text would become longer than `most` bytes. Answers whether it did.
    pub fn take_in(&mut self, candidate: &Candidate, most: usize) -> bool {
        let (Some(index), Some(generation)) = (candidate.sdp_m_line_index, candidate.generation()) else {
            return false;
        };
        let attribute = candidate.candidate.as_bytes();
        let is_attribute =
            attribute.starts_with(b"candidate:") && !attribute.iter().any(u8::is_ascii_control);
        let Some(sdp) = self.sdp.as_bytes().strip_suffix(b"\n") else { return false };
        if !is_attribute || self.sdp.len() + attribute.len() + 4 > most {
            return false;
        }
        let (mut sections_ahead, mut end, mut fits) = (usize::from(index) + 1, 0, false);
        for line in lines(sdp) {
            if line.starts_with(b"m=") {
                if sections_ahead == 0 {
                    break;
                }
                sections_ahead -= 1;
            }
            fits |= sections_ahead == 0 && is_of_generation(line, generation);
            end += line.len() + 1;
        }
        if fits {
            for part in ["\r\n", &candidate.candidate, "a="] {
                self.sdp.insert_str(end, part);
            }
        }
        fits
    }

    /// Whether a connection that was given it can take this candidate: one of a generation that it names, or of none in
    /// particular (W3C WebRTC, section 4.4.2, `addIceCandidate`).
    pub fn knows(&self, candidate: &Candidate) -> bool {
        candidate.generation().is_none_or(|generation| {
            lines(self.sdp.as_bytes()).any(|line| is_of_generation(line, generation))
        })
    }

    /// The value of a line where it first occurs.
    fn attribute(&self, name: &[u8]) -> Option<&[u8]> {
        Some(lines(self.sdp.as_bytes()).find_map(|line| line.strip_prefix(name))?.trim_ascii())
    }
}

/// Whether a line says that what it is part of is of this generation.
#[inline(never)]
fn is_of_generation(line: &[u8], generation: &[u8]) -> bool {
    line.strip_prefix(b"a=ice-ufrag:").is_some_and(|ufrag| ufrag.trim_ascii() == generation)
}

/// One function for all, since an iterator of its own for each would be more code.
fn lines(sdp: &[u8]) -> impl Iterator<Item = &[u8]> {
    sdp.split(|&byte| byte == b'\n')
}

/// The `ice-ufrag` of a description: which generation of candidates it is about. A credential: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Generation(Vec<u8>);

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<redacted>")
    }
}

/// An `RTCIceCandidateInit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The `candidate` attribute; empty at the end of a media section's candidates.
    pub candidate: String,
    /// The media section by its identification tag.
    pub sdp_mid: Option<String>,
    /// The media section by its index.
    pub sdp_m_line_index: Option<u16>,
    /// Which generation of candidates this one belongs to.
    pub username_fragment: Option<String>,
}

impl Candidate {
    /// The `ice-ufrag` of its generation, if it says so. Some stacks do it in the attribute only.
    fn generation(&self) -> Option<&[u8]> {
        let of_attribute = || {
            let mut words = self.candidate.as_bytes().split(|&byte| byte == b' ');
            words.find(|word| word == b"ufrag").and_then(|_| words.next())
        };
        let said = self.username_fragment.as_ref().map(String::as_bytes).or_else(of_attribute);
        said.filter(|generation| !generation.is_empty())
    }

    /// Reads an `RTCIceCandidateInit`.
    pub fn parse<V: Value>(value: &V) -> Result<Self, Malformed> {
        let candidate = required_string(value, Field::Candidate)?;
        let text = |field| value.text(field);
        let (sdp_mid, username_fragment) = (text(Field::SdpMid), text(Field::UsernameFragment));
        let longest = [Some(&candidate), sdp_mid.as_ref(), username_fragment.as_ref()];
        if longest.into_iter().flatten().any(|s| s.len() > MAX_CANDIDATE_LENGTH) {
            return Err(Malformed(Field::Candidate));
        }
        Ok(Self {
            candidate,
            sdp_mid,
            sdp_m_line_index: value.field(Field::SdpMLineIndex).as_ref().and_then(index),
            username_fragment,
        })
    }
}

impl<V: Value> Signal<V> {
    /// Reads a payload: a signal, `None` for the user's own data, or an error for a signal gone wrong.
    pub fn parse(data: &V) -> Result<Option<Self>, Malformed> {
        if let Some(meta) = data.field(Field::TrackMeta) {
            return Ok(Some(Self::TrackMeta(TrackMeta::parse(&meta)?)));
        }
        match data.text(Field::Type).as_deref() {
            Some("rtc-description") => {
                let description = data.field(Field::Description).ok_or(Malformed(Field::Description))?;
                Ok(Some(Self::Description(Description::parse(&description)?)))
            }
            Some("rtc-ice") => match optional(data, Field::Candidate) {
                None => Ok(Some(Self::Candidate(None))),
                Some(candidate) => Ok(Some(Self::Candidate(Some(Candidate::parse(&candidate)?)))),
            },
            _ => Ok(None),
        }
    }
}

impl<V: Value> TrackMeta<V> {
    fn parse(meta: &V) -> Result<Self, Malformed> {
        let text = |field| meta.text(field);
        let metadata = optional(meta, Field::Metadata);
        if metadata.as_ref().is_some_and(|metadata| !metadata.is_object()) {
            return Err(Malformed(Field::Metadata));
        }
        let track_id = required_string(meta, Field::TrackId)?;
        Ok(Self { track_id, metadata, stream_id: text(Field::StreamId), kind: text(Field::Kind) })
    }
}

impl Description {
    fn parse<V: Value>(value: &V) -> Result<Self, Malformed> {
        let kind = match value.text(Field::Type).as_deref() {
            Some("offer") => SdpType::Offer,
            Some("answer") => SdpType::Answer,
            _ => return Err(Malformed(Field::Type)),
        };
        let sdp = required_string(value, Field::Sdp)?;
        if sdp.len() > MAX_SDP_LENGTH {
            return Err(Malformed(Field::Sdp));
        }
        Ok(Self { kind, sdp })
    }
}

impl<V: ToJson> ToJson for Signal<V> {
    fn write_json(&self, out: &mut String) {
        out.push('{');
        match self {
            Self::Description(description) => {
                write_string_field(out, Field::Type, "rtc-description");
                write_name(out, Field::Description);
                description.write_json(out);
            }
            Self::Candidate(candidate) => {
                write_string_field(out, Field::Type, "rtc-ice");
                write_name(out, Field::Candidate);
                match candidate {
                    None => out.push_str("null"),
                    Some(candidate) => candidate.write_json(out),
                }
            }
            Self::TrackMeta(meta) => {
                write_name(out, Field::TrackMeta);
                out.push('{');
                write_string_field(out, Field::TrackId, &meta.track_id);
                // To clear, the field is left out: the official JavaScript SDK takes a null for data of the user's.
                if let Some(metadata) = &meta.metadata {
                    write_name(out, Field::Metadata);
                    metadata.write_json(out);
                }
                write_optional(out, Field::StreamId, &meta.stream_id);
                write_optional(out, Field::Kind, &meta.kind);
                out.push('}');
            }
        }
        out.push('}');
    }
}

impl ToJson for Description {
    fn write_json(&self, out: &mut String) {
        out.push('{');
        write_string_field(out, Field::Type, self.kind.as_str());
        write_string_field(out, Field::Sdp, &self.sdp);
        out.push('}');
    }
}

impl ToJson for Candidate {
    fn write_json(&self, out: &mut String) {
        out.push('{');
        write_string_field(out, Field::Candidate, &self.candidate);
        write_optional(out, Field::SdpMid, &self.sdp_mid);
        if let Some(index) = self.sdp_m_line_index {
            write_name(out, Field::SdpMLineIndex);
            crate::write_number(out, u64::from(index));
        }
        write_optional(out, Field::UsernameFragment, &self.username_fragment);
        out.push('}');
    }
}

fn write_optional(out: &mut String, field: Field, text: &Option<String>) {
    if let Some(text) = text {
        write_string_field(out, field, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    #[test]
    fn every_signal_survives_the_way_to_text_and_back() {
        let signals: [Signal<Json>; 5] = [
            Signal::Description(Description { kind: SdpType::Offer, sdp: "v=0\r\n".into() }),
            Signal::Candidate(None),
            Signal::Candidate(Some(Candidate {
                candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host".into(),
                sdp_mid: Some("0".into()),
                sdp_m_line_index: Some(0),
                username_fragment: Some("abcd".into()),
            })),
            Signal::TrackMeta(TrackMeta {
                track_id: "t".into(),
                metadata: None,
                stream_id: None,
                kind: None,
            }),
            Signal::TrackMeta(TrackMeta {
                track_id: "t".into(),
                metadata: Some(json!({"role": "camera"})),
                stream_id: Some("s".into()),
                kind: Some("video".into()),
            }),
        ];
        for signal in signals {
            let mut text = String::new();
            signal.write_json(&mut text);
            let value: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(Signal::parse(&value), Ok(Some(signal)), "{text}");
        }
    }

    #[test]
    fn a_description_knows_the_candidates_of_its_generations_and_those_of_none() {
        let description =
            Description { kind: SdpType::Offer, sdp: "m=a\r\na=ice-ufrag:one\r\na=ice-ufrag:two\r\n".into() };
        let knows = |text: &str, generation: Option<&str>| {
            let (candidate, username_fragment) = (text.into(), generation.map(str::to_owned));
            description.knows(&Candidate { candidate, username_fragment, ..Candidate::default() })
        };
        assert!(knows("candidate:1", Some("one")) && knows("candidate:1 ufrag two", None));
        assert!(knows("candidate:1", None) && knows("candidate:1", Some("")) && knows("", None));
        assert!(!knows("candidate:1", Some("three")) && !knows("candidate:1 ufrag on", None));
    }

    #[test]
    fn a_candidate_is_taken_into_its_section_of_its_generation_and_nowhere_else() {
        let section = |kind: &str, lines: &str| format!("m={kind} 9 X 1\r\na=ice-ufrag:gen\r\n{lines}");
        let description = |first: &str, second: &str| Description {
            kind: SdpType::Offer,
            sdp: format!("v=0\r\n{}{}", section("audio", first), section("application", second)),
        };
        let candidate = |index, text: &str, generation: Option<&str>| Candidate {
            candidate: text.into(),
            sdp_mid: None,
            sdp_m_line_index: Some(index),
            username_fragment: generation.map(str::to_owned),
        };
        let mut grown = description("", "");
        assert!(grown.take_in(&candidate(0, "candidate:1 host", Some("gen")), 1000));
        assert!(grown.take_in(&candidate(1, "candidate:2 host ufrag gen", None), 1000));
        assert!(grown.take_in(&candidate(0, "candidate:3 host", Some("gen")), 1000));
        let (first, second) =
            ("a=candidate:1 host\r\na=candidate:3 host\r\n", "a=candidate:2 host ufrag gen\r\n");
        assert_eq!(grown, description(first, second));
        for stranger in [
            candidate(2, "candidate:4", Some("gen")),
            candidate(0, "candidate:4", Some("old")),
            candidate(0, "candidate:4", None),
            candidate(0, "candidate:4\r\na=evil", Some("gen")),
            candidate(0, "", Some("gen")),
            candidate(0, &"candidate:4".repeat(100), Some("gen")),
        ] {
            assert!(!grown.take_in(&stranger, 1000), "{stranger:?}");
        }
        assert_eq!(grown, description(first, second));
    }

    #[test]
    fn what_is_no_signal_is_the_users() {
        for data in [json!(null), json!(1), json!("rtc-ice"), json!({"type": "chat"}), json!([])] {
            assert_eq!(Signal::parse(&data), Ok(None), "{data}");
        }
    }

    #[test]
    fn a_signal_with_a_wrong_content_is_malformed_and_never_user_data() {
        for data in [
            json!({"type": "rtc-description"}),
            json!({"type": "rtc-description", "description": {"type": "rollback", "sdp": ""}}),
            json!({"type": "rtc-description", "description": {"type": "offer", "sdp": 7}}),
            json!({"type": "rtc-description", "description": {"type": "offer", "sdp": "x".repeat(300_000)}}),
            json!({"type": "rtc-ice", "candidate": "candidate:1"}),
            json!({"type": "rtc-ice", "candidate": {"candidate": "x".repeat(1001)}}),
            json!({"__meteredTrackMeta": 5}),
            json!({"__meteredTrackMeta": {"trackId": 5}}),
            json!({"__meteredTrackMeta": {"trackId": "t", "metadata": "camera"}}),
            json!({"__meteredTrackMeta": {"trackId": "t", "metadata": [1]}}),
        ] {
            assert!(Signal::parse(&data).is_err(), "{data}");
        }
    }

    #[test]
    fn metadata_is_cleared_by_its_absence_and_by_null() {
        for meta in [json!({"trackId": "t"}), json!({"trackId": "t", "metadata": null, "streamId": 5})] {
            let cleared = TrackMeta { track_id: "t".into(), metadata: None, stream_id: None, kind: None };
            let signal = Signal::parse(&json!({"__meteredTrackMeta": meta}));
            assert_eq!(signal, Ok(Some(Signal::TrackMeta(cleared))));
        }
    }

    #[test]
    fn fingerprints_tell_one_connection_from_another() {
        let sdp = |f: &str| Description {
            kind: SdpType::Offer,
            sdp: format!("v=0\r\na=fingerprint:sha-256 {f}\r\nm=audio\r\na=fingerprint:sha-256 {f}\r\n"),
        };
        assert_eq!(sdp("AA:BB").fingerprint(), sdp("aa:bb").fingerprint());
        assert_ne!(sdp("AA:BB").fingerprint(), sdp("AA:BC").fingerprint());
        let none = Description { kind: SdpType::Offer, sdp: "v=0\r\n".into() };
        assert_eq!(none.fingerprint(), None);
        assert!(none.is_empty() && !sdp("AA:BB").is_empty());
    }
}
