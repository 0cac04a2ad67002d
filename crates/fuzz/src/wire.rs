//! What peers and servers say to each other.

use arbitrary::Unstructured;
use metered_protocol::{
    ANNOUNCEMENT_TRACK_ID, Announcement, ClientFrame, Description, FrameHeader, MAX_FRAME_BYTES, Message,
    Packet, PeerId, RawJson, SdpType, ServerFrame, Signal, ToJson, TrackControl, encode_frame,
    is_data_track_name, limits,
};
use serde_json::Value as Json;

/// A frame that comes to a server.
pub fn client_frame(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match ClientFrame::parse(text) {
        Ok(frame) => {
            let written = encode_frame(&frame);
            assert_eq!(
                ClientFrame::parse(&written),
                Ok(frame.clone()),
                "what was read survives being written"
            );
            if let ClientFrame::Publish { data, .. } | ClientFrame::Send { data, .. } = frame {
                passes_on(data);
            }
        }
        Err(error) => {
            let known = error
                .request_id
                .is_none_or(|id| id.as_str().encode_utf16().count() <= limits::MAX_REQUEST_ID_LENGTH);
            assert!(known && !error.message.is_empty());
        }
    }
}

/// A payload goes into others' frames as it came: it must not become more than a payload there.
fn passes_on(data: RawJson) {
    let from = PeerId::parse("alice").expect("a peer id");
    let mut written = String::new();
    ServerFrame::Message(Message { channel: None, from, from_metadata: None, data }).write_json(&mut written);
    // Deeper JSON than this parser reads is none of its business.
    if let Ok(Json::Object(fields)) = serde_json::from_str(&written) {
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["data", "from", "type"], "{written}");
        assert_eq!((&fields["from"], &fields["type"]), (&"alice".into(), &"direct".into()), "{written}");
    }
}

/// A frame that comes to a client.
pub fn server_frame(data: &[u8]) {
    let Some(json) = read(data) else { return };
    let Ok(frame) = ServerFrame::parse(&json) else { return };
    // This parser does not read every digit of numbers that no clock shows.
    if matches!(&frame, ServerFrame::Welcome(welcome) if welcome.server_time.abs().max(welcome.expires_at.unwrap_or(0.0).abs()) > 1e15)
    {
        return;
    }
    // Not everything of a welcome is written: what is, is read back.
    let again = rewritten(&frame);
    assert_eq!(rewritten(&again), again);
    match frame {
        ServerFrame::Presence { joined, left, .. } => {
            assert!(joined.len().max(left.len()) <= limits::MAX_PEERS_PER_CHANNEL + 2);
        }
        ServerFrame::Welcome(welcome) => {
            assert!(welcome.server_time.is_finite() && welcome.max_message_size >= 1);
            assert!(welcome.expires_at.is_none_or(f64::is_finite));
        }
        _ => {}
    }
}

fn rewritten(frame: &ServerFrame<Json>) -> ServerFrame<Json> {
    let mut text = String::new();
    frame.write_json(&mut text);
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    ServerFrame::parse(&json).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What a remote sends by way of the server: descriptions with their fingerprints, candidates, metadata of tracks.
pub fn signal(data: &[u8]) {
    // Bytes that are no JSON are taken for a description's text.
    let Some(json) = read(data) else {
        return description(&Description {
            kind: SdpType::Offer,
            sdp: String::from_utf8_lossy(data).into_owned(),
        });
    };
    let Ok(Some(signal)) = Signal::parse(&json) else { return };
    let mut text = String::new();
    signal.write_json(&mut text);
    let json: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(Signal::parse(&json), Ok(Some(signal.clone())));
    match signal {
        Signal::Description(read) => {
            assert!(read.sdp.len() <= limits::MAX_SDP_LENGTH);
            description(&read);
        }
        Signal::Candidate(Some(candidate)) => {
            assert!(candidate.candidate.len() <= limits::MAX_CANDIDATE_LENGTH)
        }
        Signal::Candidate(None) => {}
        Signal::TrackMeta(meta) if meta.track_id == ANNOUNCEMENT_TRACK_ID => {
            let _: Option<Announcement> = meta.metadata.as_ref().map(Announcement::parse);
        }
        Signal::TrackMeta(meta) => assert!(meta.metadata.is_none_or(|metadata| metadata.is_object())),
    }
}

/// What is read from a description's text, against the simplest way to read it.
fn description(description: &Description) {
    let has = |start: &str| description.sdp.split('\n').any(|line| line.starts_with(start));
    assert_eq!(description.fingerprint().is_some(), has("a=fingerprint:"));
    assert_eq!(description.generation().is_some(), has("a=ice-ufrag:"));
    assert_eq!(description.is_empty(), !has("m="));
    assert!(description.data_section().is_none() || has("m=application "));
    assert!(!description.bundles_nothing() || description.is_empty());

    // A fingerprint is the certificate's: how it is spelled does not count, nor what else is said.
    let spelled = |line: &str| match line.strip_prefix("a=fingerprint:") {
        Some(value) => format!("a=fingerprint:  {}", value.to_ascii_uppercase()),
        None => format!("{line} "),
    };
    let sdp = description.sdp.split('\n').map(spelled).collect::<Vec<_>>().join("\n");
    assert_eq!(Description { sdp, ..description.clone() }.fingerprint(), description.fingerprint());
    let generation = format!("{:?}", description.generation());
    assert!(["None", "Some(<redacted>)"].contains(&generation.as_str()), "{generation}");
}

/// The ICE servers of a welcome, which go to the platform as they are.
pub fn ice_servers(data: &[u8]) {
    let Some(list) = read(data) else { return };
    let welcome = serde_json::json!({"type": "welcome", "peerId": "me", "metadata": {"iceServers": list}});
    let Ok(ServerFrame::Welcome(welcome)) = ServerFrame::parse(&welcome) else {
        panic!("a good welcome is refused")
    };
    assert!(welcome.ice_servers.len() <= limits::MAX_ICE_SERVERS);
    for server in &welcome.ice_servers {
        assert!(list.as_array().is_some_and(|list| list.contains(server)), "none is made up or changed");
        let urls = server["urls"].as_array().cloned().unwrap_or_else(|| vec![server["urls"].clone()]);
        assert!(!urls.is_empty(), "{server}");
        for url in urls {
            let url = url.as_str().expect("a text").to_ascii_lowercase();
            let is_turn = url.starts_with("turn:") || url.starts_with("turns:");
            assert!(is_turn || url.starts_with("stun:") || url.starts_with("stuns:"), "{url}");
            assert!(
                !is_turn || (server["username"].is_string() && server["credential"].is_string()),
                "{server}"
            );
        }
    }
}

/// A message of the control channel of data tracks.
pub fn data_track_control(data: &[u8]) {
    let Some(json) = read(data) else { return };
    let Some(message) = TrackControl::parse(&json) else { return };
    let mut text = String::new();
    message.write_json(&mut text);
    let json: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(TrackControl::parse(&json), Some(message.clone()));
    if let TrackControl::Published { name, .. } = &message {
        assert!(is_data_track_name(name));
    }
}

/// A packet of a data track; and frames of any size, cut into packets of any size.
pub fn data_track_packet(data: &[u8]) {
    if let Some(packet) = Packet::parse(data) {
        assert!(packet.index < packet.count && packet.payload.len() < data.len());
        assert!(packet.frame.associated_data().len() <= 16);
        assert!(packet.frame.timestamp.is_none() || packet.index == 0);
    }
    let _ = there_and_back(&mut Unstructured::new(data));
}

fn there_and_back(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let header = FrameHeader {
        handle: u.arbitrary()?,
        number: u.arbitrary()?,
        key_id: u.arbitrary()?,
        timestamp: u.arbitrary()?,
    };
    let max_packet = u.arbitrary()?;
    let payload: Vec<u8> = (0..u.int_in_range(0..=MAX_FRAME_BYTES)?).map(|at| at as u8).collect();
    let count = header.fragments(payload.len(), max_packet);
    let mut back = Vec::new();
    for index in 0..count {
        let bytes = header.packet(&payload, index, max_packet);
        assert!(bytes.len() <= metered_protocol::MAX_PACKET_BYTES);
        let packet = Packet::parse(&bytes).expect("our own packet");
        assert_eq!((packet.index, packet.count, packet.frame.handle), (index, count, header.handle));
        back.extend_from_slice(packet.payload);
    }
    assert!(back == payload, "{} bytes went in, {} came out", payload.len(), back.len());
    Ok(())
}

fn read(data: &[u8]) -> Option<Json> {
    serde_json::from_slice(data).ok()
}
