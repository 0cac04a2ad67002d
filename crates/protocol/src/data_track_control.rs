//! What two peers say about data tracks: on the control channel, and before there is one.
//!
//! Before: each tells the other that it knows data tracks, in the form of `__meteredTrackMeta` for a track that never
//! comes, [`ANNOUNCEMENT_TRACK_ID`]. The official SDKs keep that and do nothing; a shape of its own would reach their
//! applications as data.
//!
//! On the channel every message is a JSON object with a string `type`. What a receiver does not know it ignores.

use crate::json::{utf16_length, write_name, write_string_field};
use crate::value::{flag, index, number};
use crate::{Field, ToJson, Value, write_number};

/// The id of the track that is none.
pub const ANNOUNCEMENT_TRACK_ID: &str = "metered:data-tracks";

/// The version of announcements, control messages and packets. A receiver takes what it knows of a later one.
const DATA_TRACKS_VERSION: u64 = 1;

/// Most data tracks of one publisher.
pub const MAX_DATA_TRACKS: usize = 256;

/// Longest name of a data track, in UTF-16 code units.
pub const MAX_DATA_TRACK_NAME: usize = 256;

/// Longest epoch, in bytes.
const MAX_EPOCH_LENGTH: usize = 64;

/// The metadata of the track that is none: the sender knows data tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// It has its ends of the channels on its present connection.
    pub open: bool,
}

impl Announcement {
    /// Reads the metadata.
    pub fn parse<V: Value>(metadata: &V) -> Self {
        Self { open: flag(metadata, Field::Open) }
    }
}

impl ToJson for Announcement {
    fn write_json(&self, out: &mut String) {
        out.push('{');
        write_name(out, Field::Version);
        write_number(out, DATA_TRACKS_VERSION);
        write_flag(out, Field::Open, self.open);
        out.push('}');
    }
}

fn write_flag(out: &mut String, field: Field, is: bool) {
    write_name(out, field);
    out.push_str(if is { "true" } else { "false" });
}

/// A message of the control channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackControl {
    /// The first of each side, and again whenever the other side says it has opened its channels anew.
    Hello {
        /// Names the sender's life: another one means that nothing from before stands.
        epoch: String,
        /// The longest packet that the sender takes, in bytes.
        max_packet: usize,
        /// The tracks that are published: others are not any more. Each follows in a message of its own.
        handles: Vec<u16>,
    },
    /// A track is published.
    Published {
        /// The publisher's number for it.
        handle: u16,
        /// Its name.
        name: String,
        /// Whether its frames are encrypted end to end.
        encrypted: bool,
    },
    /// Something else about the track with this handle.
    About(u16, TrackWord),
}

/// What a message of the control channel says about a track that it only names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackWord {
    /// It is not published any more.
    Unpublished,
    /// Send me its frames.
    Subscribe,
    /// Do not send me its frames any more.
    Unsubscribe,
    /// The answer to a subscribe: frames follow.
    Subscribed,
    /// The answer to a subscribe: no frames follow, because the track is not published.
    Refused,
}

impl TrackWord {
    const ALL: [Self; 5] =
        [Self::Unpublished, Self::Subscribe, Self::Unsubscribe, Self::Subscribed, Self::Refused];

    /// The type on the wire.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unpublished => "unpublished",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Subscribed => "subscribed",
            Self::Refused => "refused",
        }
    }
}

const HELLO: &str = "hello";
const PUBLISHED: &str = "published";

/// Whether a data track may have this name.
pub fn is_data_track_name(name: &str) -> bool {
    (1..=MAX_DATA_TRACK_NAME).contains(&utf16_length(name))
}

impl TrackControl {
    /// Reads a message; `None` for what is none, or of an unknown type.
    pub fn parse<V: Value>(message: &V) -> Option<Self> {
        let kind = message.text(Field::Type)?;
        if kind == HELLO {
            let epoch = message.text(Field::Epoch).filter(|epoch| epoch.len() <= MAX_EPOCH_LENGTH)?;
            let max_packet = number(message, Field::MaxMessageSize)? as usize;
            let handles = message.field(Field::Handles)?.items(MAX_DATA_TRACKS)?;
            return Some(Self::Hello {
                epoch,
                max_packet,
                handles: handles.iter().filter_map(index).collect(),
            });
        }
        let handle = message.field(Field::Handle).as_ref().and_then(index)?;
        if kind == PUBLISHED {
            let name = message.text(Field::Name).filter(|name| is_data_track_name(name))?;
            return Some(Self::Published { handle, name, encrypted: flag(message, Field::UsesE2ee) });
        }
        let word = TrackWord::ALL.into_iter().find(|word| word.as_str() == kind)?;
        Some(Self::About(handle, word))
    }
}

impl ToJson for TrackControl {
    fn write_json(&self, out: &mut String) {
        out.push('{');
        let (kind, handle) = match self {
            Self::Hello { .. } => (HELLO, None),
            Self::Published { handle, .. } => (PUBLISHED, Some(handle)),
            Self::About(handle, word) => (word.as_str(), Some(handle)),
        };
        write_string_field(out, Field::Type, kind);
        if let Some(handle) = handle {
            write_name(out, Field::Handle);
            write_number(out, u64::from(*handle));
        }
        match self {
            Self::Hello { epoch, max_packet, handles } => {
                write_string_field(out, Field::Epoch, epoch);
                write_name(out, Field::Version);
                write_number(out, DATA_TRACKS_VERSION);
                write_name(out, Field::MaxMessageSize);
                write_number(out, *max_packet as u64);
                write_name(out, Field::Handles);
                out.push('[');
                for (at, handle) in handles.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_number(out, u64::from(*handle));
                }
                out.push(']');
            }
            Self::Published { name, encrypted, .. } => {
                write_string_field(out, Field::Name, name);
                write_flag(out, Field::UsesE2ee, *encrypted);
            }
            Self::About(..) => {}
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn parse(message: Json) -> Option<TrackControl> {
        TrackControl::parse(&message)
    }

    #[test]
    fn every_message_survives_the_way_to_text_and_back() {
        let name = "temperature \"°C\"".to_owned();
        for message in [
            TrackControl::Hello { epoch: "e-1".into(), max_packet: 16_000, handles: vec![] },
            TrackControl::Hello { epoch: "e-1".into(), max_packet: 16_000, handles: vec![1, 2, 65_535] },
            TrackControl::Published { handle: 1, name: name.clone(), encrypted: true },
            TrackControl::Published { handle: 1, name, encrypted: false },
            TrackControl::About(1, TrackWord::Unpublished),
            TrackControl::About(2, TrackWord::Subscribe),
            TrackControl::About(3, TrackWord::Unsubscribe),
            TrackControl::About(4, TrackWord::Subscribed),
            TrackControl::About(5, TrackWord::Refused),
        ] {
            let mut text = String::new();
            message.write_json(&mut text);
            assert_eq!(parse(serde_json::from_str(&text).unwrap()), Some(message), "{text}");
        }
    }

    #[test]
    fn an_announcement_survives_too() {
        for open in [false, true] {
            let mut text = String::new();
            Announcement { open }.write_json(&mut text);
            assert_eq!(
                Announcement::parse(&serde_json::from_str::<Json>(&text).unwrap()),
                Announcement { open }
            );
        }
        assert_eq!(Announcement::parse(&json!("nonsense")), Announcement { open: false });
    }

    #[test]
    fn what_is_unknown_or_malformed_is_no_message() {
        assert_eq!(parse(json!({"type": "dance", "handle": 1})), None);
        assert_eq!(parse(json!({"handle": 1})), None);
        for handle in [json!(-1), json!(65_536), json!(1.5), json!("1"), json!(null)] {
            assert_eq!(parse(json!({"type": "subscribe", "handle": handle})), None);
        }
        let long = "x".repeat(MAX_DATA_TRACK_NAME + 1);
        for name in [json!(""), json!(long), json!(1)] {
            let message = json!({"type": "published", "handle": 1, "name": name});
            assert_eq!(parse(message), None);
        }
        let hello =
            json!({"type": "hello", "epoch": "e", "maxMessageSize": 1e300, "handles": [1, -1, "x", 2]});
        let handles = vec![1, 2];
        assert_eq!(
            parse(hello),
            Some(TrackControl::Hello { epoch: "e".into(), max_packet: usize::MAX, handles })
        );
    }

    #[test]
    fn names_have_1_to_256_characters_as_javascript_counts_them() {
        assert!(
            is_data_track_name("a")
                && is_data_track_name(&"é".repeat(256))
                && is_data_track_name(&"🌱".repeat(128))
        );
        assert!(
            !is_data_track_name("")
                && !is_data_track_name(&"a".repeat(257))
                && !is_data_track_name(&"🌱".repeat(129))
        );
    }
}
