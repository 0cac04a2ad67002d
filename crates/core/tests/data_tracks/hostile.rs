//! Nothing that a remote sends panics, hangs, or occupies memory without bound.

use metered_core::{DataTracks, Instant, RemoteId};
use serde_json::{Value as Json, json};

use crate::net::Room;

/// Values as a remote that means harm would choose them.
fn odd(random: &mut fastrand::Rng) -> Json {
    let values = [
        json!(null),
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(65_536),
        json!(1e308),
        json!(0.5),
        json!(""),
        json!("a"),
        json!("x".repeat(300)),
        json!([]),
        json!([1, 2, 3]),
        json!({}),
        json!(true),
    ];
    values[random.usize(..values.len())].clone()
}

#[test]
fn control_messages_and_packets_of_every_kind_do_no_harm() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut tracks = DataTracks::new("ours".into());
        let remote = RemoteId(1);
        tracks.peer_joined(remote);
        tracks.publish("ours".into(), false).unwrap();
        let types =
            ["hello", "published", "unpublished", "subscribe", "unsubscribe", "subscribed", "refused", "?"];
        for now in 0..500 {
            match random.u8(..12) {
                0 => tracks.announced(remote, &json!({"open": odd(&mut random)})),
                1 => tracks.opened(remote),
                2 => tracks.closed(remote),
                3 => tracks.connection_replaced(remote),
                4 => drop(tracks.subscribe(remote, random.u16(..4), random.usize(..3))),
                5..8 => {
                    let mut message = json!({"type": types[random.usize(..types.len())]});
                    for field in ["handle", "name", "epoch", "maxMessageSize", "handles", "usesE2ee"] {
                        message[field] = odd(&mut random);
                    }
                    tracks.handle_control(remote, &message);
                }
                8 => {
                    if let Ok(Some(number)) = tracks.reserve(1, 50_000) {
                        let header = metered_protocol::FrameHeader {
                            handle: 1,
                            number,
                            key_id: None,
                            timestamp: None,
                        };
                        tracks.submit(header, &[0; 50_000]);
                    }
                }
                9 => tracks.writable(remote, random.usize(..100_000)),
                _ => {
                    let mut packet: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..4)).collect();
                    if let Some(first) = packet.first_mut() {
                        *first = 0x10 | random.u8(..4);
                    }
                    tracks.handle_packet(Instant(now), remote, &packet);
                }
            }
            let mut outputs = 0;
            while tracks.poll_output().is_some() {
                outputs += 1;
                assert!(outputs < 2_000);
            }
        }
    }
}

#[test]
fn tracks_without_end_are_not_kept() {
    let mut room = Room::new(2);
    room.publish(0, "any");
    let tracks = &mut room.peers[1].tracks;
    for handle in 0..2_000 {
        let name = format!("track {handle}");
        tracks.handle_control(RemoteId(0), &json!({"type": "published", "handle": handle, "name": name}));
    }
    let mut published = 0;
    while tracks.poll_output().is_some() {
        published += 1;
    }
    assert!(published < 300, "{published} tracks");
}

#[test]
fn frames_of_a_track_that_nobody_reads_are_not_kept() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let header = metered_protocol::FrameHeader { handle: track, number: 0, key_id: None, timestamp: None };
    for number in 0..100 {
        let packet = metered_protocol::FrameHeader { number, ..header }.packet(&[0; 30_000], 0, 16_000);
        room.peers[1].tracks.handle_packet(Instant(0), RemoteId(0), &packet);
    }
    let counts = room.peers[1].tracks.receive_counts(RemoteId(0), track);
    assert_eq!((counts.received, counts.incomplete), (0, 0));
}
