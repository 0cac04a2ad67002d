//! What nodes tell each other, as bytes.
//!
//! A message is a header and a body. The header is binary, so that a body is encoded once for however many nodes it goes
//! to; the body is JSON.
//!
//! ```text
//!   sender │ sync │ number │ body
//!     16       8       8     JSON        numbers are big endian
//! ```
//!
//! Whoever can write to the NATS server is trusted to be a node, but not to be in order: every name is checked as it is
//! when it comes from a client, and what is no message is refused with a reason.

use std::fmt;

use metered_protocol::{Channel, InvalidName, PeerId, RawJson};
use serde::{Deserialize, Serialize};

/// The name of a running server: random, so that one that was started again is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub u128);

impl fmt::Display for NodeId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Why bytes from another node are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMessage {
    /// There are fewer bytes than a header has.
    TooShort,
    /// The body is not JSON, or none that a node would write.
    Body,
    /// There are as many nodes already as one listens to.
    TooManyNodes,
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "expected a header of 32 bytes",
            Self::Body => "expected the JSON of a message between nodes",
            Self::TooManyNodes => "there are too many nodes to listen to another",
        })
    }
}

impl std::error::Error for InvalidMessage {}

/// The name of a question to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ask(pub(super) u64);

/// What stands before every body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sender: NodeId,
    /// Which of the recipient's requests for the sender's state this message follows, or is.
    pub(super) sync: u64,
    /// The place among the messages that follow it, from 1. Without meaning in [`Body::Hello`] and [`Body::Want`].
    pub(super) number: u64,
}

impl Header {
    /// How many bytes a header has.
    pub(super) const BYTES: usize = 32;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let fields = self
            .sender
            .0
            .to_be_bytes()
            .into_iter()
            .chain(self.sync.to_be_bytes())
            .chain(self.number.to_be_bytes());
        bytes.iter_mut().zip(fields).for_each(|(byte, value)| *byte = value);
        bytes
    }
}

/// A message without its header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::hub) enum Body {
    /// To all: here is a node.
    Hello,
    /// Tell me what you have, and from then on what changes.
    Want,
    /// What the sender has follows, in as many [`Body::State`]s as it takes.
    Begin,
    /// A part of it.
    State { peers: Vec<Peer>, members: Vec<Member> },
    /// That was all of it.
    End,
    /// The sender is alive, and this is what it counts.
    Beat(NodeUsage),
    /// The first connection of a peer.
    Came(Peer),
    /// The last connection of a peer is gone.
    Gone(Peer),
    /// A peer is in a channel with the first of its connections.
    Joined(Member),
    /// A peer has left a channel with the last of its connections.
    Left {
        #[serde(with = "name")]
        channel: Channel,
        #[serde(with = "name")]
        peer: PeerId,
    },
    /// A message for a channel. With `ask`, the sender wants to know how many it reached.
    Message {
        #[serde(with = "name")]
        channel: Channel,
        #[serde(with = "name")]
        from: PeerId,
        #[serde(with = "metadata", default)]
        metadata: Option<RawJson>,
        #[serde(with = "json")]
        data: RawJson,
        ask: Option<Ask>,
    },
    /// A message for a peer.
    Direct {
        #[serde(with = "name")]
        to: PeerId,
        #[serde(with = "name")]
        from: PeerId,
        #[serde(with = "metadata", default)]
        metadata: Option<RawJson>,
        #[serde(with = "json")]
        data: RawJson,
    },
    /// Close every connection of a peer, and tell how many.
    Kick {
        #[serde(with = "name")]
        peer: PeerId,
        ask: Ask,
    },
    /// So many. For what was asked.
    Answer { ask: Ask, count: usize },
    /// A client has come to the sender with this session's token: it goes on there.
    Claimed {
        session: u128,
        #[serde(with = "name")]
        peer: PeerId,
    },
    /// A peer has said goodbye to the sender: nothing waits for it any more.
    Goodbye(Peer),
}

/// A peer's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::hub) struct Peer(#[serde(with = "name")] pub(in crate::hub) PeerId);

/// A peer in a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::hub) struct Member {
    #[serde(with = "name")]
    pub(in crate::hub) channel: Channel,
    #[serde(with = "name")]
    pub(in crate::hub) peer: PeerId,
    #[serde(with = "metadata", default)]
    pub(in crate::hub) metadata: Option<RawJson>,
}

impl Member {
    /// About as many bytes as it takes up in a [`Body::State`].
    pub(super) fn length(&self) -> usize {
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.as_str().len());
        self.channel.as_str().len() + self.peer.as_str().len() + metadata + 48
    }
}

/// What a node counts of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct NodeUsage {
    pub(super) connections: usize,
    pub(super) messages: u64,
    pub(super) resumed_sessions: u64,
}

/// A body that is encoded, with room for a header before it.
#[derive(Clone, Debug)]
pub(super) struct Encoded(Vec<u8>);

impl Encoded {
    /// A body that cannot be encoded, of which there is none, is an empty one, which its recipient refuses.
    pub(super) fn new(body: &Body) -> Self {
        let mut bytes = vec![0; Header::BYTES];
        if serde_json::to_writer(&mut bytes, body).is_err() {
            bytes.truncate(Header::BYTES);
        }
        Self(bytes)
    }

    /// How many bytes the message has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The message.
    pub(super) fn with(mut self, header: Header) -> Vec<u8> {
        self.0.iter_mut().zip(header.to_bytes()).for_each(|(byte, value)| *byte = value);
        self.0
    }
}

/// Reads a message.
pub(super) fn parse(bytes: &[u8]) -> Result<(Header, Body), InvalidMessage> {
    let (sender, rest) = bytes.split_first_chunk().ok_or(InvalidMessage::TooShort)?;
    let (sync, rest) = rest.split_first_chunk().ok_or(InvalidMessage::TooShort)?;
    let (number, body) = rest.split_first_chunk().ok_or(InvalidMessage::TooShort)?;
    let header = Header {
        sender: NodeId(u128::from_be_bytes(*sender)),
        sync: u64::from_be_bytes(*sync),
        number: u64::from_be_bytes(*number),
    };
    let body = serde_json::from_slice(body).map_err(|_| InvalidMessage::Body)?;
    Ok((header, body))
}

/// A name, checked.
trait Name: Sized {
    fn text(&self) -> &str;
    fn read(text: &str) -> Result<Self, InvalidName>;
}

impl Name for Channel {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn read(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

impl Name for PeerId {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn read(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

mod name {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Name;

    pub(super) fn serialize<N: Name, S: Serializer>(name: &N, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.text())
    }

    pub(super) fn deserialize<'de, N: Name, D: Deserializer<'de>>(deserializer: D) -> Result<N, D::Error> {
        N::read(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

mod json {
    use metered_protocol::RawJson;
    use serde::ser::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub(super) fn serialize<S: Serializer>(raw: &RawJson, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(raw.as_str()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RawJson, D::Error> {
        <&RawValue>::deserialize(deserializer).map(RawJson::from)
    }
}

/// Metadata, which are an object where there are any.
mod metadata {
    use metered_protocol::RawJson;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::value::RawValue;

    pub(super) fn serialize<S: Serializer>(
        metadata: &Option<RawJson>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match metadata {
            Some(raw) => super::json::serialize(raw, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RawJson>, D::Error> {
        let raw = Option::<&RawValue>::deserialize(deserializer)?;
        match raw {
            Some(raw) if !raw.get().starts_with('{') => Err(D::Error::custom("metadata must be an object")),
            raw => Ok(raw.map(RawJson::from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEADER: Header = Header { sender: NodeId(u128::MAX / 3), sync: 7, number: 9 };

    fn channel(name: &str) -> Channel {
        Channel::parse(name).unwrap()
    }

    fn peer(id: &str) -> PeerId {
        PeerId::parse(id).unwrap()
    }

    fn bodies() -> Vec<Body> {
        let metadata = Some(RawJson::from_value(&json!({"name": "Ünï \"x\"\n"})));
        let data = RawJson::from_value(&json!([null, 1.5, {"a": "b"}]));
        let member = |metadata| Member { channel: channel("a \"b\".*> é"), peer: peer("p\\ *.>"), metadata };
        vec![
            Body::Hello,
            Body::Want,
            Body::Begin,
            Body::State {
                peers: vec![Peer(peer("a")), Peer(peer("b"))],
                members: vec![member(metadata.clone())],
            },
            Body::End,
            Body::Beat(NodeUsage { connections: 1, messages: 2, resumed_sessions: 3 }),
            Body::Came(Peer(peer("a"))),
            Body::Gone(Peer(peer("a"))),
            Body::Joined(member(None)),
            Body::Left { channel: channel("c"), peer: peer("a") },
            Body::Message {
                channel: channel("c"),
                from: peer("a"),
                metadata: metadata.clone(),
                data: data.clone(),
                ask: Some(Ask(1)),
            },
            Body::Direct { to: peer("b"), from: peer("a"), metadata, data },
            Body::Kick { peer: peer("a"), ask: Ask(4) },
            Body::Answer { ask: Ask(4), count: 2 },
            Body::Claimed { session: u128::MAX, peer: peer("a") },
            Body::Goodbye(Peer(peer("a"))),
        ]
    }

    #[test]
    fn every_message_is_read_as_it_was_written() {
        for body in bodies() {
            assert_eq!(parse(&Encoded::new(&body).with(HEADER)), Ok((HEADER, body)));
        }
        let null = Body::Direct {
            to: peer("b"),
            from: peer("a"),
            metadata: None,
            data: RawJson::from_value(&serde_json::Value::Null),
        };
        assert_eq!(parse(&Encoded::new(&null).with(HEADER)), Ok((HEADER, null)));
    }

    #[test]
    fn what_was_cut_or_garbled_anywhere_is_refused_or_another_message_and_harms_nothing() {
        for body in bodies() {
            let message = Encoded::new(&body).with(HEADER);
            for length in 0..message.len() {
                assert!(parse(&message[..length]).is_err(), "{length} bytes of {body:?}");
            }
            for at in 0..message.len() {
                for byte in [0, b'"', b'{', 0xff] {
                    let mut garbled = message.clone();
                    garbled[at] = byte;
                    let _ = parse(&garbled);
                }
            }
        }
    }

    #[test]
    fn names_and_metadata_that_no_client_could_have_are_refused() {
        let read = |body: &str| parse(&[&[0; Header::BYTES], body.as_bytes()].concat()).map(|(_, body)| body);
        assert!(read(r#"{"joined":{"channel":"c","peer":"a"}}"#).is_ok());
        for body in [
            r#"{"joined":{"channel":"","peer":"a"}}"#.to_owned(),
            r#"{"joined":{"channel":"c","peer":"é"}}"#.to_owned(),
            r#"{"joined":{"channel":"c\u0000","peer":"a"}}"#.to_owned(),
            r#"{"joined":{"channel":"c","peer":"a","metadata":[]}}"#.to_owned(),
            format!(r#"{{"came":"{}"}}"#, "x".repeat(129)),
            r#"{"message":{"channel":"c","from":"a"}}"#.to_owned(),
            r#"{"answer":{"ask":1,"count":-1}}"#.to_owned(),
            r#"{"reboot":true}"#.to_owned(),
            "[".repeat(100_000),
            String::new(),
        ] {
            assert_eq!(read(&body), Err(InvalidMessage::Body), "{:.80}", body);
        }
        assert_eq!(parse(b"hello"), Err(InvalidMessage::TooShort));
    }
}
