//! JSON that looks right and is not quite: true names with wrong contents, in any shape.

use arbitrary::{Result, Unstructured};
use metered_protocol::Field;
use serde_json::{Map, Value as Json, json};

/// The channels, peers and requests of all actions: few, so that they meet.
const NAMES: [&str; 8] = ["room", "other", "_system/x", "me", "bob", "zoe", "1", "2"];

/// A name that others use too.
pub(crate) fn name<'a>(u: &mut Unstructured<'a>) -> Result<&'static str> {
    u.choose(&NAMES).copied()
}

/// Any value.
pub(crate) fn value(u: &mut Unstructured<'_>, depth: usize) -> Result<Json> {
    Ok(match u.int_in_range(0..=if depth == 0 { 5 } else { 8 })? {
        0 => Json::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(u.arbitrary::<f64>()?),
        3 => json!(u.arbitrary::<i32>()?),
        4 => json!(name(u)?),
        5 => json!(u.arbitrary::<&str>()?),
        6 => (0..u.int_in_range(0..=4)?).map(|_| value(u, depth - 1)).collect::<Result<_>>()?,
        7 => vec![value(u, depth - 1)?; u.choose(&[1, 17, 400]).copied()?].into(),
        _ => object(u, depth)?,
    })
}

fn object(u: &mut Unstructured<'_>, depth: usize) -> Result<Json> {
    let mut fields = Map::new();
    for _ in 0..u.int_in_range(0..=5)? {
        let field = u.choose(Field::ALL)?.name().to_owned();
        fields.insert(field, value(u, depth - 1)?);
    }
    Ok(fields.into())
}

/// A payload between peers: a signal, more or less.
pub(crate) fn signal(u: &mut Unstructured<'_>) -> Result<Json> {
    let signal = match u.int_in_range(0..=3)? {
        0 => {
            let kind = u.choose(&["offer", "answer"])?;
            let (maker, section) =
                (u.choose(&["AA", "BB"])?, u.choose(&["", "m=application 9\r\na=mid:0\r\n"])?);
            let sdp = format!("v=0\r\na=fingerprint:sha-256 {maker}\r\na=ice-ufrag:{maker}\r\n{section}");
            json!({"type": "rtc-description", "description": {"type": kind, "sdp": sdp}})
        }
        1 => json!({"type": "rtc-ice", "candidate": {"candidate": "candidate:1", "sdpMid": "0"}}),
        2 => json!({"__meteredTrackMeta": {"trackId": name(u)?, "metadata": {}}}),
        _ => {
            json!({"__meteredTrackMeta": {"trackId": "metered:data-tracks", "metadata": {"open": u.arbitrary::<bool>()?}}})
        }
    };
    spoilt(u, signal)
}

/// A frame from a server, more or less.
pub(crate) fn server_frame(u: &mut Unstructured<'_>) -> Result<Json> {
    let (who, request) = (name(u)?, u.int_in_range(1..=12)?.to_string());
    let frame = match u.int_in_range(0..=10)? {
        0 => json!({
            "type": "welcome", "peerId": who, "maxMessageSize": 65_536, "expiresAt": u.choose(&[Json::Null, json!(1.0), json!(2e9)])?,
            "serverTime": 1, "resume": {"token": "t", "graceMs": 15_000}, "resumed": u.arbitrary::<bool>()?,
        }),
        1 | 2 => json!({"type": "ack", "requestId": request}),
        3 => json!({"type": "error", "code": "backend_error", "requestId": request}),
        4 => json!({"type": "message", "channel": "room", "from": who, "data": value(u, 2)?}),
        5 | 6 => json!({"type": "presence", "channel": "room", "joined": [{"peerId": who}], "left": []}),
        7 => {
            json!({"type": "presence", "channel": "room", "joined": value(u, 2)?, "left": [{"peerId": who}]})
        }
        8 => json!({"type": "going_away", "retryAfterMs": u.arbitrary::<u32>()?}),
        _ => json!({"type": "direct", "from": who, "data": signal(u)?}),
    };
    spoilt(u, frame)
}

/// A frame from a client, more or less.
pub(crate) fn client_frame(u: &mut Unstructured<'_>) -> Result<Json> {
    let (channel, to) = (name(u)?, name(u)?);
    let frame = match u.int_in_range(0..=5)? {
        0 | 1 => {
            json!({"type": "subscribe", "channel": channel, "requestId": "1", "includeSenderMetadata": u.arbitrary::<bool>()?})
        }
        2 => json!({"type": "unsubscribe", "channel": channel, "requestId": "1"}),
        3 => json!({"type": "publish", "channel": channel, "data": value(u, 1)?}),
        4 => json!({"type": "send", "to": to, "data": value(u, 1)?, "requestId": "1"}),
        _ => json!({"type": "ping"}),
    };
    spoilt(u, frame)
}

/// A message of the control channel of data tracks, more or less.
pub(crate) fn track_control(u: &mut Unstructured<'_>) -> Result<Json> {
    let handle = u.int_in_range(0..=4)?;
    let message = match u.int_in_range(0..=6)? {
        0 | 1 => {
            json!({"type": "hello", "epoch": name(u)?, "maxMessageSize": u.arbitrary::<u32>()?, "handles": [handle, 1]})
        }
        2 => {
            json!({"type": "published", "handle": handle, "name": name(u)?, "usesE2ee": u.arbitrary::<bool>()?})
        }
        _ => {
            json!({"type": u.choose(&["unpublished", "subscribe", "unsubscribe", "subscribed", "refused"])?, "handle": handle})
        }
    };
    spoilt(u, message)
}

/// The value, or now and then what a change of one of its fields makes of it.
fn spoilt(u: &mut Unstructured<'_>, mut whole: Json) -> Result<Json> {
    if u.ratio(1, 4)? {
        spoil(u, &mut whole)?;
    }
    Ok(whole)
}

fn spoil(u: &mut Unstructured<'_>, value: &mut Json) -> Result<()> {
    let Json::Object(fields) = value else {
        *value = self::value(u, 2)?;
        return Ok(());
    };
    let names: Vec<String> = fields.keys().cloned().collect();
    if names.is_empty() {
        return Ok(());
    }
    let name = u.choose(&names)?;
    if u.ratio(1, 3)? {
        fields.remove(name);
    } else if u.ratio(1, 2)? {
        fields[name] = self::value(u, 2)?;
    } else {
        spoil(u, &mut fields[name])?;
    }
    Ok(())
}
