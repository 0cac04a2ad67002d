//! The exported client: JavaScript's calls and notifications as inputs of the core.

use js_sys::Array;
use metered_core::{
    Call, CallId, Config, ConnectionEvent, ConnectionId, ConnectionState, Core, Credential, Input, JsonText,
    Measured, OperationId, Outcome, Reconnect, RemoteId, SocketEvent, SocketId, TokenFailure,
};
use metered_protocol::{
    Candidate, Channel, CloseCode, Description, Field, InvalidName, PeerId, SdpType, Secret, ServerUrl,
    TrackMeta, Value,
};
use wasm_bindgen::prelude::*;

use crate::driver::Driver;
use crate::host::{Argument, Host};
use crate::json::Json;
use crate::tracks::{self, Tracks};

/// A `SignallingClient` or a `MeteredPeer`, without its JavaScript side. Used by `js/host.js` only.
#[wasm_bindgen(skip_typescript)]
pub struct Client {
    driver: Driver,
    pub(crate) tracks: Tracks,
}

/// The calls, as `js/host.js` numbers them.
mod call {
    pub(super) const CONNECT: u32 = 0;
    pub(super) const CLOSE: u32 = 1;
    pub(super) const SUBSCRIBE: u32 = 2;
    pub(super) const UNSUBSCRIBE: u32 = 3;
    pub(super) const PUBLISH: u32 = 4;
    pub(super) const SEND_TO: u32 = 5;
    pub(super) const JOIN: u32 = 6;
    pub(super) const BROADCAST: u32 = 7;
}

/// What happened, as `js/host.js` numbers it.
mod happened {
    pub(super) const TIMEOUT: u32 = 8;
    pub(super) const FRAME: u32 = 9;
    pub(super) const GARBAGE: u32 = 10;
    pub(super) const CLOSED: u32 = 11;
    pub(super) const TOKEN: u32 = 12;
    pub(super) const TOKEN_FAILED: u32 = 13;
    pub(super) const NEGOTIATION_NEEDED: u32 = 14;
    pub(super) const CANDIDATE: u32 = 15;
    pub(super) const STATE: u32 = 16;
    pub(super) const DONE: u32 = 17;
    pub(super) const FAILED: u32 = 18;
    pub(super) const CHECK_LINK: u32 = 19;
    pub(super) const ABORTED: u32 = 20;
    pub(super) const DESCRIBE_TRACK: u32 = 21;
}

/// What can be read, as `js/host.js` numbers it.
mod read {
    pub(super) const CLIENT_STATE: u32 = 0;
    pub(super) const ROOM_STATE: u32 = 1;
    pub(super) const PEER_ID: u32 = 2;
    pub(super) const CHANNEL: u32 = 3;
    pub(super) const LATENCY: u32 = 4;
    pub(super) const MAX_MESSAGE_SIZE: u32 = 5;
    pub(super) const REMOTES: u32 = 6;
    pub(super) const REMOTE_STATE: u32 = 7;
    pub(super) const REMOTE_METADATA: u32 = 8;
    pub(super) const SEND_COUNTS: u32 = 9;
    pub(super) const RECEIVE_COUNTS: u32 = 10;
}

/// A client, or nothing where an option breaks a rule that only the core knows: then the option's name and the rule are
/// handed over.
///
/// `settings` are those of [`Client::new`].
#[wasm_bindgen(skip_typescript)]
pub fn open(settings: &Array) -> Option<Client> {
    match Client::new(settings) {
        Ok(client) => Some(client),
        Err((option, must)) => {
            option.hand();
            must.hand();
            None
        }
    }
}

impl Client {
    /// Checks what only the core can: the address, and that the numbers describe a backoff. Fails with the option's name
    /// and the rule it breaks.
    ///
    /// `settings` are, in this order: the API key, absent with a token provider; the address of the server, if given; what
    /// names this life of a room for its data tracks, absent without a room; `autoResubscribe`; a seed for the jitter, below
    /// 2^53; `tokenProviderTimeoutMs`, `inactivityTimeoutMs`, `refreshBeforeExpiryMs`, and, absent when there is to be no
    /// reconnect, the five of `ReconnectOptions`.
    pub fn new(settings: &Array) -> Result<Self, (&'static str, &'static str)> {
        let text = |at| Json(settings.get(at)).string();
        let number = |at| Json(settings.get(at)).number().unwrap_or(f64::NAN);
        let (key, url, epoch) = (text(0), text(1), text(2));
        let url = ServerUrl::parse(url.as_deref().unwrap_or(ServerUrl::DEFAULT))
            .map_err(|why| ("url", why.must()))?;
        let credential = match key {
            Some(key) => Credential::ApiKey(Secret::new(key)),
            None => Credential::TokenProvider,
        };
        let mut config = Config::new(url, credential);
        config.auto_resubscribe = Json(settings.get(3)).boolean() == Some(true);
        config.token_provider_timeout_ms = number(5) as u64;
        config.inactivity_timeout_ms =
            Some(number(6)).filter(|ms| ms.is_finite() && *ms > 0.0).map(|ms| ms as u64);
        config.refresh_before_expiry_ms = number(7) as u64;
        config.reconnect = None;
        if settings.length() > 8 {
            let reconnect = Reconnect {
                initial_delay_ms: number(8),
                multiplier: number(9),
                max_delay_ms: number(10),
                jitter_ratio: number(11),
                max_attempts: number(12),
            };
            reconnect.validate().map_err(|why| (why.option, why.must))?;
            config.reconnect = Some(reconnect);
        }
        let seed = number(4) as u64;
        let is_room = epoch.is_some();
        let core = if is_room { Core::room(config, seed) } else { Core::signalling(config, seed) };
        Ok(Self { driver: Driver::new(core), tracks: Tracks::new(epoch.unwrap_or_default()) })
    }
}

#[wasm_bindgen]
impl Client {
    /// Makes a call, or tells what happened. Where data tracks are concerned, [`Tracks::tell`] says more.
    ///
    /// `host` hears by its number `id` how a call ends. `value` is the channel, the peer id, or the reason of a close; `data`
    /// the payload as JSON text, and `number` its bytes, a close code, or whether metadata is wanted. The answer to a name
    /// that is none is the rule that it breaks; nothing has changed then.
    ///
    /// Otherwise something happened to the socket, connection or call `id`, to the operation `number` of it, or to time. Or
    /// the remote `id` is to know about a track, before the offer that carries it.
    pub fn tell(
        &self,
        host: &Host,
        kind: u32,
        id: u32,
        number: u32,
        value: JsValue,
        data: JsValue,
    ) -> JsValue {
        if kind >= tracks::FIRST {
            return self.tracks.tell(host, kind, id, number, &Json(value));
        }
        match input(kind, id, number, Json(value), data) {
            Ok(Some(input)) => self.driver.input(host, input),
            Ok(None) => {}
            Err(why) => return why.must().into(),
        }
        JsValue::UNDEFINED
    }

    /// Reads what is known of us, or of the remote `id`. Several values are handed over: the numbers of all remotes, in the
    /// order of their peer ids, and what became of the frames of a data track, which `handle` names.
    pub fn read(&self, what: u32, id: u32, handle: u16) -> JsValue {
        self.driver.read(|core| {
            let text = |text: Option<&str>| text.map(JsValue::from);
            let number = |number: u32| Some(number.into());
            let remote = || core.remote(RemoteId(id));
            let value = match what {
                read::CLIENT_STATE => number(core.signalling_state() as u32),
                read::ROOM_STATE => number(core.room_state() as u32),
                read::PEER_ID => text(core.peer_id().map(|id| id.as_str())),
                read::CHANNEL => text(core.channel().map(|channel| channel.as_str())),
                read::LATENCY => core.latency_ms().map(|ms| (ms as u32).into()),
                read::MAX_MESSAGE_SIZE => number(core.max_message_size() as u32),
                read::REMOTES => {
                    core.remotes().for_each(|(id, _)| id.0.hand());
                    None
                }
                // Plus 16 if we are the polite side.
                read::REMOTE_STATE => {
                    remote().map(|view| (view.state as u32 + u32::from(view.polite) * 16).into())
                }
                read::REMOTE_METADATA => remote().and_then(|view| view.metadata).map(|json| json.0.clone()),
                read::SEND_COUNTS => {
                    self.tracks.hand_send_counts(handle);
                    None
                }
                read::RECEIVE_COUNTS => {
                    self.tracks.hand_receive_counts(RemoteId(id), handle);
                    None
                }
                _ => None,
            };
            value.unwrap_or(JsValue::UNDEFINED)
        })
    }
}

/// What the core is told; nothing of what nobody can read.
fn input(
    kind: u32,
    id: u32,
    number: u32,
    value: Json,
    data: JsValue,
) -> Result<Option<Input<Json>>, InvalidName> {
    let name = || value.string().unwrap_or_default();
    let call = |call| Input::Call(CallId(id), call);
    let connection = |event| Input::Connection(ConnectionId(id), event);
    let socket = |event| Input::Socket(SocketId(id), event);
    let data = Measured { value: Json(data), bytes: number as usize };
    let include_sender_metadata = number != 0;
    let op = OperationId(number);
    Ok(Some(match kind {
        call::CONNECT => call(Call::Connect),
        call::SUBSCRIBE => {
            call(Call::Subscribe { channel: Channel::parse(&name())?, include_sender_metadata })
        }
        call::UNSUBSCRIBE => call(Call::Unsubscribe { channel: Channel::parse(&name())? }),
        call::PUBLISH => call(Call::Publish { channel: Channel::parse(&name())?, data }),
        call::SEND_TO => call(Call::SendTo { to: PeerId::parse(&name())?, data }),
        call::JOIN => call(Call::Join { channel: Channel::parse(&name())?, include_sender_metadata }),
        call::BROADCAST => call(Call::Broadcast { data }),
        call::CLOSE => call(Call::Close { code: CloseCode(number as u16), reason: value.string() }),
        happened::TIMEOUT => Input::Timeout,
        happened::FRAME => socket(SocketEvent::Frame(value)),
        happened::GARBAGE => socket(SocketEvent::Garbage),
        happened::CLOSED => socket(SocketEvent::Closed { code: CloseCode(number as u16), reason: name() }),
        happened::TOKEN => Input::Token(op, value.string().map(Secret::new).ok_or(TokenFailure::NotAToken)),
        happened::TOKEN_FAILED => Input::Token(op, Err(TokenFailure::Threw(value))),
        happened::NEGOTIATION_NEEDED => connection(ConnectionEvent::NegotiationNeeded),
        happened::CANDIDATE => match candidate(value) {
            Some(candidate) => connection(ConnectionEvent::Candidate(candidate)),
            None => return Ok(None),
        },
        happened::STATE => connection(ConnectionEvent::State(match number {
            0 => ConnectionState::New,
            1 => ConnectionState::Connecting,
            2 => ConnectionState::Connected,
            3 => ConnectionState::Disconnected,
            4 => ConnectionState::Failed,
            _ => ConnectionState::Closed,
        })),
        happened::DONE => connection(ConnectionEvent::Done(op, Ok(outcome(&value)))),
        happened::FAILED => connection(ConnectionEvent::Done(op, Err(value))),
        happened::CHECK_LINK => Input::CheckLink,
        happened::ABORTED => Input::Aborted(CallId(id)),
        happened::DESCRIBE_TRACK => Input::DescribeTrack(RemoteId(id), track(&value)),
        _ => return Ok(None),
    }))
}

/// Reads an `RTCIceCandidate`, where null ends the candidates.
fn candidate(value: Json) -> Option<Option<Candidate>> {
    if !value.is_object() {
        return Some(None);
    }
    Candidate::parse(&value).ok().map(Some)
}

/// Reads what is to be said about a track, where the metadata is JSON text; absent, it clears.
fn track(value: &Json) -> TrackMeta<JsonText> {
    TrackMeta {
        track_id: value.text(Field::TrackId).unwrap_or_default(),
        metadata: value.text(Field::Metadata).map(JsonText),
        stream_id: value.text(Field::StreamId),
        kind: value.text(Field::Kind),
    }
}

/// Reads what an operation answered: a description, if it created one.
fn outcome(value: &Json) -> Outcome {
    let kind = match value.text(Field::Type).as_deref() {
        Some("offer") => SdpType::Offer,
        Some("answer") => SdpType::Answer,
        _ => return Outcome::Applied,
    };
    Outcome::Created(Description { kind, sdp: value.text(Field::Sdp).unwrap_or_default() })
}
