//! Frames from the server.

use crate::ice_server::ice_servers;
use crate::json::{write_name, write_string_field};
use crate::limits::{MAX_MESSAGE_SIZE, MAX_PEERS_PER_CHANNEL};
use crate::value::{flag, number, optional, required_string};
use crate::{Channel, ErrorCode, Field, Malformed, PeerId, RequestId, Secret, ToJson, Value};

/// A frame from the server. `V` is the user's JSON, opaque: a JavaScript value in the browser, parsed or raw
/// JSON natively.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerFrame<V> {
    /// The first frame of a connection: the credential was accepted.
    Welcome(Welcome<V>),
    /// A request succeeded.
    Ack {
        /// Which request.
        request_id: RequestId,
    },
    /// A request failed, or, without `request_id`, something else the client did was refused.
    Error(ServerError),
    /// Somebody's payload: a `message` frame or a `direct` one.
    Message(Message<V>),
    /// Who is in a channel: a snapshot first after each subscribe, changes afterwards.
    Presence {
        /// The channel.
        channel: Channel,
        /// Peers that joined, or in a snapshot, all that are there.
        joined: Vec<PresencePeer<V>>,
        /// Peers that left.
        left: Vec<PresencePeer<V>>,
    },
    /// The server will close this connection with 1001.
    GoingAway {
        /// The server's hint when to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The answer to a `ping`.
    Pong,
    /// A type that this version does not know. It says nothing to us and does no harm.
    Unknown,
}

/// The content of an `error` frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerError {
    /// What went wrong.
    pub code: ErrorCode,
    /// The request it answers.
    pub request_id: Option<RequestId>,
    /// Words for a developer.
    pub message: Option<String>,
}

/// A payload that another peer sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<V> {
    /// The channel that it was published to, which we are subscribed to; `None` if it was sent to our peer id.
    pub channel: Option<Channel>,
    /// Who sent it, stamped by the server.
    pub from: PeerId,
    /// The sender's `peerMetadata`; of a channel's message for subscribers that asked for it.
    pub from_metadata: Option<V>,
    /// The payload.
    pub data: V,
}

/// The content of a `welcome` frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome<V> {
    /// Our own peer id.
    pub peer_id: PeerId,
    /// When the token expires, in Unix seconds; `None` for keys that do not.
    pub expires_at: Option<f64>,
    /// The server's clock, in Unix seconds.
    pub server_time: f64,
    /// The longest frame that the server takes, in bytes.
    pub max_message_size: u32,
    /// The token's private `metadata`.
    pub metadata: Option<V>,
    /// The ICE servers among the metadata, each checked to be an `RTCIceServer`.
    pub ice_servers: Vec<V>,
    /// What to present at the next connect to get this session back (our extension).
    pub resume: Option<Resume>,
    /// Whether this connection continues a session (our extension).
    pub resumed: bool,
}

/// The offer to resume a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Opaque to the client.
    pub token: Secret,
    /// How long the server keeps the session after an abnormal close, in milliseconds.
    pub grace_ms: u64,
}

/// A peer of a `presence` frame.
#[derive(Clone, Debug, PartialEq)]
pub struct PresencePeer<V> {
    /// The peer's id.
    pub peer_id: PeerId,
    /// The peer's `peerMetadata`.
    pub metadata: Option<V>,
}

impl<V: Value> ServerFrame<V> {
    /// Reads a frame.
    ///
    /// Extra fields are ignored, optional fields of a wrong type count as absent; only what a frame cannot do
    /// without makes it [`Malformed`]. Peers of a presence whose ids break the rules are left out.
    pub fn parse(frame: &V) -> Result<Self, Malformed> {
        Self::read(frame, true)
    }

    /// Reads a frame for somebody who keeps no roster: the lists of a presence are checked and remain empty.
    pub fn parse_without_peers(frame: &V) -> Result<Self, Malformed> {
        Self::read(frame, false)
    }

    fn read(frame: &V, with_peers: bool) -> Result<Self, Malformed> {
        let kind = required_string(frame, Field::Type)?;
        Ok(match kind.as_str() {
            "message" => Self::Message(Message::parse(frame, Some(channel(frame)?))?),
            "direct" => Self::Message(Message::parse(frame, None)?),
            "ack" => Self::Ack { request_id: request_id(frame).ok_or(Malformed(Field::RequestId))? },
            "presence" => Self::Presence {
                channel: channel(frame)?,
                joined: peers(frame, Field::Joined, with_peers),
                left: peers(frame, Field::Left, with_peers),
            },
            "pong" => Self::Pong,
            "error" => Self::Error(ServerError {
                code: ErrorCode(required_string(frame, Field::Code)?.into()),
                request_id: request_id(frame),
                message: frame.text(Field::Message),
            }),
            "welcome" => Self::Welcome(Welcome::parse(frame)?),
            "going_away" => {
                Self::GoingAway { retry_after_ms: millis(frame, Field::RetryAfterMs).unwrap_or(0) }
            }
            _ => Self::Unknown,
        })
    }
}

impl<V: Value> Message<V> {
    fn parse(frame: &V, channel: Option<Channel>) -> Result<Self, Malformed> {
        Ok(Self {
            channel,
            from: peer_id(frame, Field::From)?,
            from_metadata: metadata(frame, Field::FromMetadata),
            data: frame.field(Field::Data).ok_or(Malformed(Field::Data))?,
        })
    }
}

impl<V: Value> Welcome<V> {
    fn parse(frame: &V) -> Result<Self, Malformed> {
        let metadata = metadata(frame, Field::Metadata);
        let ice_servers = metadata
            .as_ref()
            .and_then(|m| m.field(Field::IceServers))
            .map(|list| ice_servers(&list))
            .unwrap_or_default();
        let number = |field| number(frame, field).filter(|n| n.is_finite());
        Ok(Self {
            peer_id: peer_id(frame, Field::PeerId)?,
            expires_at: number(Field::ExpiresAt),
            server_time: number(Field::ServerTime).unwrap_or(0.0),
            max_message_size: number(Field::MaxMessageSize)
                .filter(|&n| n >= 1.0)
                .map_or(MAX_MESSAGE_SIZE, |n| n as u32),
            metadata,
            ice_servers,
            resume: optional(frame, Field::Resume).and_then(|resume| {
                Some(Resume {
                    token: Secret::new(resume.text(Field::Token)?),
                    grace_ms: millis(&resume, Field::GraceMs)?,
                })
            }),
            resumed: flag(frame, Field::Resumed),
        })
    }
}

fn channel<V: Value>(frame: &V) -> Result<Channel, Malformed> {
    let name = required_string(frame, Field::Channel)?;
    Channel::parse(&name).map_err(|_| Malformed(Field::Channel))
}

fn peer_id<V: Value>(frame: &V, field: Field) -> Result<PeerId, Malformed> {
    let id = required_string(frame, field)?;
    PeerId::parse(&id).map_err(|_| Malformed(field))
}

fn request_id<V: Value>(frame: &V) -> Option<RequestId> {
    RequestId::parse(&frame.text(Field::RequestId)?).ok()
}

fn metadata<V: Value>(value: &V, field: Field) -> Option<V> {
    value.field(field).filter(Value::is_object)
}

fn millis<V: Value>(value: &V, field: Field) -> Option<u64> {
    number(value, field).filter(|n| *n >= 0.0).map(|n| n as u64)
}

fn peers<V: Value>(frame: &V, field: Field, keep: bool) -> Vec<PresencePeer<V>> {
    // One more than a room holds, so that the room can tell a full list from a cut one. Our own id may be in it.
    let mut peers = Vec::new();
    frame.peers(field, MAX_PEERS_PER_CHANNEL + 2, &mut |id, metadata| {
        if !keep {
            return PeerId::check(id).is_ok();
        }
        let Ok(peer_id) = PeerId::parse(id) else { return false };
        peers.push(PresencePeer { peer_id, metadata: metadata() });
        true
    });
    peers
}

impl<V: ToJson> ToJson for ServerFrame<V> {
    fn write_json(&self, out: &mut String) {
        out.push('{');
        match self {
            Self::Welcome(welcome) => welcome.write_fields(out),
            Self::Ack { request_id } => {
                write_string_field(out, Field::Type, "ack");
                write_string_field(out, Field::RequestId, request_id.as_str());
            }
            Self::Error(ServerError { code, request_id, message }) => {
                write_string_field(out, Field::Type, "error");
                write_string_field(out, Field::Code, code.as_str());
                if let Some(id) = request_id {
                    write_string_field(out, Field::RequestId, id.as_str());
                }
                if let Some(message) = message {
                    write_string_field(out, Field::Message, message);
                }
            }
            Self::Message(Message { channel, from, from_metadata, data }) => {
                write_string_field(out, Field::Type, if channel.is_some() { "message" } else { "direct" });
                if let Some(channel) = channel {
                    write_string_field(out, Field::Channel, channel.as_str());
                }
                write_string_field(out, Field::From, from.as_str());
                write_metadata(out, Field::FromMetadata, from_metadata.as_ref());
                write_name(out, Field::Data);
                data.write_json(out);
            }
            Self::Presence { channel, joined, left } => {
                write_string_field(out, Field::Type, "presence");
                write_string_field(out, Field::Channel, channel.as_str());
                write_peers(out, Field::Joined, joined);
                write_peers(out, Field::Left, left);
            }
            Self::GoingAway { retry_after_ms } => {
                write_string_field(out, Field::Type, "going_away");
                write_number_field(out, Field::RetryAfterMs, retry_after_ms);
            }
            Self::Pong => write_string_field(out, Field::Type, "pong"),
            Self::Unknown => write_string_field(out, Field::Type, "unknown"),
        }
        out.push('}');
    }
}

impl<V: ToJson> Welcome<V> {
    fn write_fields(&self, out: &mut String) {
        write_string_field(out, Field::Type, "welcome");
        write_string_field(out, Field::PeerId, self.peer_id.as_str());
        match self.expires_at {
            Some(at) => write_number_field(out, Field::ExpiresAt, &at),
            None => write_number_field(out, Field::ExpiresAt, &"null"),
        }
        write_number_field(out, Field::ServerTime, &self.server_time);
        write_number_field(out, Field::MaxMessageSize, &self.max_message_size);
        write_metadata(out, Field::Metadata, self.metadata.as_ref());
        if let Some(resume) = &self.resume {
            write_name(out, Field::Resume);
            out.push('{');
            write_string_field(out, Field::Token, resume.token.expose());
            write_number_field(out, Field::GraceMs, &resume.grace_ms);
            out.push('}');
            write_number_field(out, Field::Resumed, &self.resumed);
        }
    }
}

fn write_number_field(out: &mut String, field: Field, value: &impl ToString) {
    write_name(out, field);
    out.push_str(&value.to_string());
}

fn write_metadata<V: ToJson>(out: &mut String, field: Field, metadata: Option<&V>) {
    if let Some(metadata) = metadata {
        write_name(out, field);
        metadata.write_json(out);
    }
}

fn write_peers<V: ToJson>(out: &mut String, field: Field, peers: &[PresencePeer<V>]) {
    write_name(out, field);
    out.push('[');
    for (i, peer) in peers.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('{');
        write_string_field(out, Field::PeerId, peer.peer_id.as_str());
        write_metadata(out, Field::Metadata, peer.metadata.as_ref());
        out.push('}');
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn parse(value: Json) -> Result<ServerFrame<Json>, Malformed> {
        ServerFrame::parse(&value)
    }

    fn peer(id: &str) -> PeerId {
        PeerId::parse(id).unwrap()
    }

    #[test]
    fn every_frame_survives_the_way_to_text_and_back() {
        let channel = Channel::parse("room \"1\"").unwrap();
        let frames = [
            ServerFrame::Welcome(Welcome {
                peer_id: peer("me"),
                expires_at: Some(1_800_000_000.0),
                server_time: 1_700_000_000.0,
                max_message_size: 65_536,
                metadata: Some(json!({"iceServers": [{"urls": "stun:s.example"}]})),
                ice_servers: vec![json!({"urls": "stun:s.example"})],
                resume: Some(Resume { token: Secret::new("r"), grace_ms: 15_000 }),
                resumed: true,
            }),
            ServerFrame::Ack { request_id: RequestId::parse("7").unwrap() },
            ServerFrame::Error(ServerError {
                code: ErrorCode::PEER_NOT_FOUND,
                request_id: Some(RequestId::parse("8").unwrap()),
                message: Some("no such peer".into()),
            }),
            ServerFrame::Message(Message {
                channel: Some(channel.clone()),
                from: peer("a"),
                from_metadata: Some(json!({"name": "A"})),
                data: Json::Null,
            }),
            ServerFrame::Message(Message {
                channel: None,
                from: peer("a"),
                from_metadata: None,
                data: json!([1, "two"]),
            }),
            ServerFrame::Presence {
                channel,
                joined: vec![
                    PresencePeer { peer_id: peer("a"), metadata: None },
                    PresencePeer { peer_id: peer("b"), metadata: Some(json!({})) },
                ],
                left: vec![],
            },
            ServerFrame::GoingAway { retry_after_ms: 1000 },
            ServerFrame::Pong,
        ];
        for frame in frames {
            let mut text = String::new();
            frame.write_json(&mut text);
            assert_eq!(parse(serde_json::from_str(&text).unwrap()), Ok(frame), "{text}");
        }
    }

    #[test]
    fn unknown_types_and_extra_fields_survive() {
        assert_eq!(parse(json!({"type": "confetti", "x": 1})), Ok(ServerFrame::Unknown));
        assert_eq!(parse(json!({"type": "pong", "x": [1]})), Ok(ServerFrame::Pong));
    }

    #[test]
    fn a_frame_without_what_it_needs_is_malformed() {
        for frame in [
            json!(null),
            json!([]),
            json!("welcome"),
            json!({}),
            json!({"type": 7}),
            json!({"type": "welcome"}),
            json!({"type": "welcome", "peerId": ""}),
            json!({"type": "ack"}),
            json!({"type": "ack", "requestId": 5}),
            json!({"type": "error"}),
            json!({"type": "message", "channel": "c", "from": "a"}),
            json!({"type": "message", "channel": "", "from": "a", "data": 1}),
            json!({"type": "direct", "from": {}, "data": 1}),
            json!({"type": "presence"}),
        ] {
            assert!(parse(frame.clone()).is_err(), "{frame}");
        }
    }

    #[test]
    fn a_welcome_with_odd_numbers_falls_back_on_the_defaults() {
        let frame = json!({"type": "welcome", "peerId": "me", "maxMessageSize": -1, "expiresAt": "soon"});
        let Ok(ServerFrame::Welcome(welcome)) = parse(frame) else { panic!("not a welcome") };
        assert_eq!(welcome.max_message_size, MAX_MESSAGE_SIZE);
        assert_eq!(welcome.expires_at, None);
        assert!(!welcome.resumed);
    }

    #[test]
    fn a_presence_leaves_out_what_is_no_peer_and_stays_bounded() {
        let mut joined = vec![json!(5), json!({"peerId": "\u{1}"}), json!({"peerId": "a", "metadata": 7})];
        joined.extend((0..1000).map(|i| json!({"peerId": format!("p{i}")})));
        let frame = json!({"type": "presence", "channel": "c", "joined": joined});
        let Ok(ServerFrame::Presence { joined, left, .. }) = parse(frame) else { panic!("not a presence") };
        assert_eq!(joined[0], PresencePeer { peer_id: peer("a"), metadata: None });
        assert!(joined.len() <= MAX_PEERS_PER_CHANNEL + 2);
        assert!(left.is_empty());
    }

    #[test]
    fn who_keeps_no_roster_is_told_of_no_peers() {
        let frame = json!({"type": "presence", "channel": "c", "joined": [{"peerId": "a"}], "left": [{"peerId": "b"}]});
        let channel = Channel::parse("c").unwrap();
        assert_eq!(
            ServerFrame::parse_without_peers(&frame),
            Ok(ServerFrame::Presence { channel, joined: vec![], left: vec![] })
        );
        assert!(ServerFrame::parse_without_peers(&json!({"type": "presence"})).is_err());
    }
}
