//! Frames from the client.

use crate::json::{write_name, write_string_field};
use crate::{Channel, Field, PeerId, RequestId, ToJson};

/// A frame from a client. `D` is the payload, opaque.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientFrame<D> {
    /// Ask for a channel's messages and presence.
    Subscribe {
        /// The channel.
        channel: Channel,
        /// Pairs the answer with this frame.
        request_id: Option<RequestId>,
        /// Whether `message` frames shall carry their senders' `peerMetadata`.
        include_sender_metadata: bool,
    },
    /// Give a channel up.
    Unsubscribe {
        /// The channel.
        channel: Channel,
        /// Pairs the answer with this frame.
        request_id: Option<RequestId>,
    },
    /// Send to every other subscriber of a channel.
    Publish {
        /// The channel.
        channel: Channel,
        /// The payload.
        data: D,
        /// Pairs the answer with this frame.
        request_id: Option<RequestId>,
    },
    /// Send to one peer.
    Send {
        /// The peer.
        to: PeerId,
        /// The payload.
        data: D,
        /// Pairs the answer with this frame.
        request_id: Option<RequestId>,
    },
    /// Ask for a `pong`.
    Ping {
        /// Pairs the answer with this frame.
        request_id: Option<RequestId>,
    },
}

impl<D> ClientFrame<D> {
    fn parts(&self) -> (ClientRequest<'_>, &Option<RequestId>, Option<&D>) {
        match self {
            Self::Subscribe { channel, request_id, include_sender_metadata } => {
                (ClientRequest::Subscribe(channel, *include_sender_metadata), request_id, None)
            }
            Self::Unsubscribe { channel, request_id } => {
                (ClientRequest::Unsubscribe(channel), request_id, None)
            }
            Self::Publish { channel, data, request_id } => {
                (ClientRequest::Publish(channel), request_id, Some(data))
            }
            Self::Send { to, data, request_id } => (ClientRequest::Send(to), request_id, Some(data)),
            Self::Ping { request_id } => (ClientRequest::Ping, request_id, None),
        }
    }
}

/// What a client asks of the server, as a frame says it but for its id and its payload.
#[derive(Clone, Copy, Debug)]
pub enum ClientRequest<'a> {
    /// [`ClientFrame::Subscribe`]; whether messages shall carry their senders' metadata.
    Subscribe(&'a Channel, bool),
    /// [`ClientFrame::Unsubscribe`].
    Unsubscribe(&'a Channel),
    /// [`ClientFrame::Publish`].
    Publish(&'a Channel),
    /// [`ClientFrame::Send`].
    Send(&'a PeerId),
    /// [`ClientFrame::Ping`].
    Ping,
}

impl ClientRequest<'_> {
    /// The frame's text up to its payload.
    ///
    /// The complete text is the head alone, or for those that have one head, payload as JSON text, and `}`. A browser
    /// splices its own JSON text in between, so that the payload never enters our memory.
    pub fn head(self, request_id: Option<&RequestId>) -> String {
        let (kind, target, has_payload) = match self {
            Self::Subscribe(channel, _) => ("subscribe", Some((Field::Channel, channel.as_str())), false),
            Self::Unsubscribe(channel) => ("unsubscribe", Some((Field::Channel, channel.as_str())), false),
            Self::Publish(channel) => ("publish", Some((Field::Channel, channel.as_str())), true),
            Self::Send(to) => ("send", Some((Field::To, to.as_str())), true),
            Self::Ping => ("ping", None, false),
        };
        let mut out = String::from("{");
        write_string_field(&mut out, Field::Type, kind);
        if let Some(id) = request_id {
            write_string_field(&mut out, Field::RequestId, id.as_str());
        }
        if let Some((field, name)) = target {
            write_string_field(&mut out, field, name);
        }
        if let Self::Subscribe(_, true) = self {
            out.push_str(",\"includeSenderMetadata\":true");
        }
        if has_payload {
            write_name(&mut out, Field::Data);
        } else {
            out.push('}');
        }
        out
    }
}

/// The frame's complete text.
pub fn encode_frame<D: ToJson>(frame: &ClientFrame<D>) -> String {
    let (request, request_id, data) = frame.parts();
    let mut out = request.head(request_id.as_ref());
    if let Some(data) = data {
        data.write_json(&mut out);
        out.push('}');
    }
    out
}

#[cfg(feature = "serde")]
pub use parse::{ClientFrameError, RawJson};

#[cfg(feature = "serde")]
mod parse {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer};
    use serde_json::value::RawValue;

    use super::ClientFrame;
    use crate::{Channel, ErrorCode, PeerId, RequestId, ToJson};

    /// JSON text that has been checked to be JSON, kept as it came. Cheap to clone.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RawJson(Arc<str>);

    impl RawJson {
        /// Serializes a value.
        pub fn from_value(value: &serde_json::Value) -> Self {
            Self(value.to_string().into())
        }

        /// The text.
        pub fn as_str(&self) -> &str {
            &self.0
        }
    }

    impl ToJson for RawJson {
        fn write_json(&self, out: &mut String) {
            out.push_str(&self.0);
        }
    }

    impl From<&RawValue> for RawJson {
        fn from(raw: &RawValue) -> Self {
            Self(raw.get().into())
        }
    }

    /// Why a server refuses a client's frame: the `error` frame that answers it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ClientFrameError {
        /// The code.
        pub code: ErrorCode,
        /// The request, as far as it could be read.
        pub request_id: Option<RequestId>,
        /// Words for a developer.
        pub message: &'static str,
    }

    /// Every field of every client frame, each as lenient as it can be, so that a frame with a wrong field still
    /// tells its `requestId`.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        #[serde(rename = "type", borrow, default)]
        kind: Option<&'a RawValue>,
        #[serde(borrow, default)]
        request_id: Option<&'a RawValue>,
        #[serde(borrow, default)]
        channel: Option<&'a RawValue>,
        #[serde(borrow, default)]
        to: Option<&'a RawValue>,
        // Read by hand, because an Option would take `null` for absent: null is a payload.
        #[serde(borrow, default, deserialize_with = "present")]
        data: Option<&'a RawValue>,
        #[serde(borrow, default)]
        include_sender_metadata: Option<&'a RawValue>,
    }

    fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Some)
    }

    fn string(raw: Option<&RawValue>) -> Option<String> {
        serde_json::from_str(raw?.get()).ok()
    }

    impl ClientFrame<RawJson> {
        /// Reads a client's frame, the payload left as it is.
        pub fn parse(text: &str) -> Result<Self, ClientFrameError> {
            let malformed =
                |message| ClientFrameError { code: ErrorCode::MALFORMED_MESSAGE, request_id: None, message };
            let not_an_object = malformed("frame is not a JSON object");
            // The derived reader would take an array for the fields in their order.
            if !text.trim_start().starts_with('{') {
                return Err(not_an_object);
            }
            let fields: Fields<'_> = serde_json::from_str(text).map_err(|_| not_an_object)?;
            let kind = string(fields.kind).ok_or(malformed("`type` must be a string"))?;
            let request_id = match fields.request_id {
                None => None,
                Some(raw) => Some(
                    string(Some(raw))
                        .and_then(|id| RequestId::parse(&id).ok())
                        .ok_or(malformed("`requestId` must be a string of 1 to 128 characters"))?,
                ),
            };
            let refuse = |code, message| ClientFrameError { code, request_id: request_id.clone(), message };
            let channel = || {
                string(fields.channel).and_then(|name| Channel::parse(&name).ok()).ok_or(refuse(
                    ErrorCode::INVALID_CHANNEL,
                    "`channel` must be a name of 1 to 256 characters",
                ))
            };
            let data =
                || fields.data.map(RawJson::from).ok_or(refuse(ErrorCode::MISSING_DATA, "`data` is missing"));
            Ok(match kind.as_str() {
                "subscribe" => Self::Subscribe {
                    channel: channel()?,
                    include_sender_metadata: fields
                        .include_sender_metadata
                        .is_some_and(|raw| raw.get() == "true"),
                    request_id: request_id.clone(),
                },
                "unsubscribe" => Self::Unsubscribe { channel: channel()?, request_id: request_id.clone() },
                "publish" => {
                    Self::Publish { channel: channel()?, data: data()?, request_id: request_id.clone() }
                }
                "send" => {
                    let to = string(fields.to)
                        .and_then(|id| PeerId::parse(&id).ok())
                        .ok_or(refuse(ErrorCode::INVALID_PEER_ID, "`to` must be a peer id"))?;
                    Self::Send { to, data: data()?, request_id: request_id.clone() }
                }
                "ping" => Self::Ping { request_id: request_id.clone() },
                _ => return Err(refuse(ErrorCode::UNKNOWN_TYPE, "unknown frame type")),
            })
        }
    }
}

#[cfg(test)]
#[cfg(feature = "serde")]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use serde_json::json;

    fn code(text: &str) -> (ErrorCode, Option<String>) {
        let error = ClientFrame::parse(text).unwrap_err();
        (error.code, error.request_id.map(|id| id.to_string()))
    }

    #[test]
    fn every_frame_survives_the_way_to_text_and_back() {
        let channel = Channel::parse("c\"\n").unwrap_or_else(|_| Channel::parse("c\"").unwrap());
        let id = RequestId::parse("1").ok();
        let data = RawJson::from_value(&json!({"a": [null]}));
        let frames = [
            ClientFrame::Subscribe {
                channel: channel.clone(),
                request_id: id.clone(),
                include_sender_metadata: true,
            },
            ClientFrame::Subscribe {
                channel: channel.clone(),
                request_id: None,
                include_sender_metadata: false,
            },
            ClientFrame::Unsubscribe { channel: channel.clone(), request_id: id.clone() },
            ClientFrame::Publish { channel, data: data.clone(), request_id: id.clone() },
            ClientFrame::Send { to: PeerId::parse("p").unwrap(), data, request_id: None },
            ClientFrame::Ping { request_id: id },
        ];
        for frame in frames {
            let text = encode_frame(&frame);
            assert_eq!(ClientFrame::parse(&text), Ok(frame), "{text}");
        }
    }

    #[test]
    fn null_is_a_payload_and_absence_is_not() {
        let frame = ClientFrame::parse(r#"{"type":"publish","channel":"c","data":null}"#).unwrap();
        let ClientFrame::Publish { data, .. } = frame else { panic!("not a publish") };
        assert_eq!(data.as_str(), "null");
        assert_eq!(code(r#"{"type":"publish","channel":"c"}"#).0, ErrorCode::MISSING_DATA);
    }

    #[test]
    fn a_payload_is_kept_to_the_letter() {
        let text = r#"{"type":"send","to":"p","data":{"z":1.0,"a":12345678901234567890123,"a":2}}"#;
        let ClientFrame::Send { data, .. } = ClientFrame::parse(text).unwrap() else { panic!("not a send") };
        assert_eq!(data.as_str(), r#"{"z":1.0,"a":12345678901234567890123,"a":2}"#);
    }

    #[test]
    fn a_refusal_names_its_code_and_its_request() {
        assert_eq!(code("nonsense").0, ErrorCode::MALFORMED_MESSAGE);
        assert_eq!(code("[]").0, ErrorCode::MALFORMED_MESSAGE);
        assert_eq!(code(r#"["ping",null,null,null,null,null]"#).0, ErrorCode::MALFORMED_MESSAGE);
        assert_eq!(code(" [1]").0, ErrorCode::MALFORMED_MESSAGE);
        assert_eq!(code(r#"{"type":5}"#).0, ErrorCode::MALFORMED_MESSAGE);
        assert_eq!(code(r#"{"type":"ping","requestId":5}"#).0, ErrorCode::MALFORMED_MESSAGE);
        assert_eq!(code(r#"{"type":"dance","requestId":"r"}"#), (ErrorCode::UNKNOWN_TYPE, Some("r".into())));
        assert_eq!(
            code(r#"{"type":"subscribe","requestId":"r","channel":7}"#),
            (ErrorCode::INVALID_CHANNEL, Some("r".into()))
        );
        assert_eq!(
            code(r#"{"type":"send","requestId":"r","to":"","data":1}"#),
            (ErrorCode::INVALID_PEER_ID, Some("r".into()))
        );
    }
}
