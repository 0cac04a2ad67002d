//! Who publishes, who subscribes, and what survives what.

use metered_core::limits::ENCRYPTING_FRAMES;
use metered_core::{DataTracks, PublishRefusal, PushRefusal, RemoteId, StreamEnd, TracksOutput};
use serde_json::json;

use crate::net::Room;

/// The names that a peer knows of another's tracks.
fn known(room: &Room, peer: usize, publisher: usize) -> Vec<String> {
    room.peers[peer]
        .known
        .keys()
        .filter(|(other, _)| *other == publisher)
        .map(|(_, name)| name.clone())
        .collect()
}

#[test]
fn nobody_says_anything_until_somebody_publishes() {
    let room = Room::new(5);
    assert!(room.peers.iter().all(|peer| peer.announcements == 0));
}

#[test]
fn everybody_learns_what_is_published_and_unpublished() {
    let mut room = Room::new(3);
    let a = room.publish(0, "a");
    room.publish(0, "b");
    room.publish(1, "a");
    assert_eq!(known(&room, 1, 0), ["a", "b"]);
    assert_eq!(known(&room, 2, 0), ["a", "b"]);
    assert_eq!(known(&room, 2, 1), ["a"]);
    room.unpublish(0, a);
    assert_eq!(known(&room, 1, 0), ["b"]);
    assert_eq!(room.push(0, a, b"late"), Err(PushRefusal::Unpublished));
}

#[test]
fn two_who_publish_in_the_same_moment_learn_of_each_other() {
    let mut room = Room::new(2);
    room.peers[0].tracks.publish("ours".into(), false).unwrap();
    room.peers[1].tracks.publish("theirs".into(), false).unwrap();
    room.settle();
    assert_eq!(known(&room, 0, 1), ["theirs"]);
    assert_eq!(known(&room, 1, 0), ["ours"]);
}

#[test]
fn who_comes_late_learns_what_is_there_and_gets_what_comes_then() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    room.subscribe(1, 0, "any", 4);
    room.push(0, track, b"before").unwrap();
    let late = room.enter(true);
    assert_eq!(known(&room, late, 0), ["any"]);
    let stream = room.subscribe(late, 0, "any", 4);
    room.push(0, track, b"after").unwrap();
    assert_eq!(room.read(late, stream), [b"after".to_vec()]);
}

#[test]
fn who_does_not_know_data_tracks_is_told_once_and_nothing_else() {
    let mut room = Room::new(2);
    let stranger = room.enter(false);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.push(0, track, b"frame").unwrap();
    assert_eq!(room.read(1, stream), [b"frame".to_vec()]);
    room.publish(0, "another");
    assert_eq!(room.peers[0].announcements, 3, "the able one twice, the stranger once");
    assert_eq!(room.sent.get(&(0, stranger)), None);
}

#[test]
fn without_a_subscriber_nothing_is_sent() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    room.push(0, track, b"unheard").unwrap();
    let stream = room.subscribe(1, 0, "any", 4);
    room.push(0, track, b"heard").unwrap();
    room.close(1, stream);
    room.push(0, track, b"unheard").unwrap();
    assert_eq!(room.sent[&(0, 1)], 1);
    let counts = room.peers[0].tracks.send_counts(track);
    assert_eq!((counts.pushed, counts.sent, counts.subscribers), (3, 1, 0));
}

#[test]
fn the_last_stream_that_closes_gives_the_track_up() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let first = room.subscribe(1, 0, "any", 4);
    let second = room.subscribe(1, 0, "any", 4);
    room.close(1, first);
    room.push(0, track, b"for the second").unwrap();
    assert_eq!(room.read(1, second).len(), 1);
    room.close(1, second);
    assert_eq!(room.peers[0].tracks.send_counts(track).subscribers, 0);
}

#[test]
fn a_track_that_is_unpublished_ends_its_streams() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.unpublish(0, track);
    assert_eq!(room.peers[1].ended, [(stream, StreamEnd::Unpublished)]);
    // The name is free again.
    room.publish(0, "any");
    let again = room.subscribe(1, 0, "any", 4);
    assert_ne!(again, stream);
}

#[test]
fn who_subscribes_while_the_track_goes_is_told_that_it_is_gone() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    room.peers[0].tracks.unpublish(track);
    let handle = room.peers[1].known[&(0, "any".into())];
    let stream = room.peers[1].tracks.subscribe(RemoteId(0), handle, 1).unwrap();
    room.settle();
    assert_eq!(room.peers[1].ended, [(stream, StreamEnd::Unpublished)]);
    assert_eq!(room.peers[1].tracks.subscribe(RemoteId(0), handle, 1), None);
}

#[test]
fn streams_outlive_the_connection_and_go_on_with_the_next() {
    for seed in 0..50 {
        let mut room = Room::new(3);
        room.random = fastrand::Rng::with_seed(seed);
        let track = room.publish(0, "any");
        room.publish(1, "other way");
        let streams = [room.subscribe(1, 0, "any", 4), room.subscribe(0, 1, "other way", 4)];
        for round in 0..5 {
            room.replace_connection(0, 1);
            room.push(0, track, &[round]).unwrap();
            assert_eq!(room.read(1, streams[0]), [[round]], "seed {seed}");
        }
        assert!(room.peers.iter().all(|peer| peer.ended.is_empty()));
        assert_eq!(known(&room, 1, 0), ["any"]);
        assert_eq!(room.peers[0].tracks.send_counts(track).subscribers, 1);
    }
}

#[test]
fn pushes_while_the_connection_is_away_are_counted_as_dropped() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.peers[0].tracks.connection_replaced(RemoteId(1));
    for _ in 0..3 {
        room.push_only(0, track, b"into nothing").unwrap();
    }
    let counts = room.peers[0].tracks.send_counts(track);
    assert_eq!((counts.sent, counts.dropped, counts.subscribers), (0, 3, 0));
    room.replace_connection(0, 1);
    room.push(0, track, b"again").unwrap();
    assert_eq!(room.read(1, stream), [b"again".to_vec()]);
}

#[test]
fn what_was_unpublished_while_the_connection_was_away_ends_with_its_return() {
    let mut room = Room::new(2);
    let track = room.publish(0, "gone");
    room.publish(0, "stays");
    let stream = room.subscribe(1, 0, "gone", 4);
    room.peers[0].tracks.connection_replaced(RemoteId(1));
    room.peers[0].tracks.unpublish(track);
    room.peers[0].tracks.publish("new".into(), false).unwrap();
    room.replace_connection(0, 1);
    assert_eq!(known(&room, 1, 0), ["new", "stays"]);
    assert_eq!(room.peers[1].ended, [(stream, StreamEnd::Unpublished)]);
}

#[test]
fn a_publisher_that_is_loaded_again_ends_its_streams_and_its_tracks_are_new() {
    let mut room = Room::new(2);
    room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.reload(0);
    let track = room.publish(0, "any");
    assert_eq!(room.peers[1].ended, [(stream, StreamEnd::Disconnected)]);
    let again = room.subscribe(1, 0, "any", 4);
    room.push(0, track, b"new life").unwrap();
    assert_eq!(room.read(1, again), [b"new life".to_vec()], "numbers begin anew");
}

#[test]
fn a_subscriber_that_is_loaded_again_learns_what_is_there() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    room.subscribe(1, 0, "any", 4);
    room.reload(1);
    assert_eq!(known(&room, 1, 0), ["any"]);
    assert_eq!(room.peers[0].tracks.send_counts(track).subscribers, 0, "nobody has asked yet");
    let stream = room.subscribe(1, 0, "any", 4);
    room.push(0, track, b"frame").unwrap();
    assert_eq!(room.read(1, stream).len(), 1);
}

#[test]
fn who_leaves_ends_the_streams_of_its_tracks() {
    let mut room = Room::new(2);
    room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.leave(0);
    assert_eq!(room.peers[1].ended, [(stream, StreamEnd::Disconnected)]);
    assert!(room.peers[1].known.is_empty());
}

#[test]
fn an_announcement_that_was_lost_is_made_again() {
    let mut room = Room::new(2);
    room.peers[0].tracks.publish("any".into(), false).unwrap();
    // It goes nowhere.
    while room.peers[0].tracks.poll_output().is_some() {}
    room.settle();
    assert!(known(&room, 1, 0).is_empty());
    room.peers[0].tracks.signals_lost(RemoteId(1));
    room.settle();
    assert_eq!(known(&room, 1, 0), ["any"]);
}

#[test]
fn a_name_is_checked_and_belongs_to_one_track() {
    let mut room = Room::new(1);
    let tracks = &mut room.peers[0].tracks;
    assert_eq!(tracks.publish(String::new(), false), Err(PublishRefusal::Name));
    assert_eq!(tracks.publish("x".repeat(257), false), Err(PublishRefusal::Name));
    tracks.publish("x".repeat(256), false).unwrap();
    assert_eq!(tracks.publish("x".repeat(256), true), Err(PublishRefusal::NameTaken));
    for n in 1..256 {
        tracks.publish(n.to_string(), false).unwrap();
    }
    assert_eq!(tracks.publish("one more".into(), false), Err(PublishRefusal::TooMany));
}

#[test]
fn what_waited_for_a_channel_that_closes_is_dropped_and_nothing_asks_for_it_any_more() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    room.subscribe(1, 0, "any", 4);
    room.is_clogged = true;
    room.push(0, track, &[0; 200_000]).unwrap();
    room.push(0, track, &[1; 200_000]).unwrap();
    let tracks = &mut room.peers[0].tracks;
    tracks.closed(RemoteId(1));
    // As from a timer that was set before.
    tracks.writable(RemoteId(1), usize::MAX);
    assert_eq!(tracks.poll_output(), None);
    let counts = tracks.send_counts(track);
    assert_eq!((counts.pushed, counts.sent, counts.dropped, counts.subscribers), (2, 0, 2, 0));
}

/// A machine with a remote that has everything it needs to subscribe.
fn with_remote() -> DataTracks {
    let mut tracks = DataTracks::new("ours".into());
    tracks.peer_joined(RemoteId(1));
    tracks.announced(RemoteId(1), &json!({"open": true}));
    tracks.opened(RemoteId(1));
    let hello = json!({"type": "hello", "epoch": "theirs", "maxMessageSize": 16_000, "handles": []});
    tracks.handle_control(RemoteId(1), &hello);
    tracks
}

#[test]
fn a_handle_that_comes_again_does_not_bring_the_frame_numbers_of_an_encrypted_track_again() {
    let mut tracks = with_remote();
    let mut used = std::collections::BTreeSet::new();
    for round in 0..70_000 {
        let handle = tracks.publish("secret".into(), true).unwrap();
        if round % 65_536 < 3 {
            tracks.handle_control(RemoteId(1), &json!({"type": "subscribe", "handle": handle}));
            for _ in 0..3 {
                let number = tracks.reserve(handle, 1).unwrap().unwrap();
                tracks.abandon(handle);
                assert!(used.insert((handle, number)), "handle {handle}, number {number} once more");
            }
        }
        tracks.unpublish(handle);
        while tracks.poll_output().is_some() {}
    }
    assert_eq!(used.len(), 18);
}

#[test]
fn an_encrypted_track_takes_no_more_frames_than_may_be_encrypted_at_once() {
    let mut tracks = with_remote();
    let handle = tracks.publish("secret".into(), true).unwrap();
    tracks.handle_control(RemoteId(1), &json!({"type": "subscribe", "handle": handle}));
    for _ in 0..ENCRYPTING_FRAMES {
        assert!(tracks.reserve(handle, 1).unwrap().is_some());
    }
    assert_eq!(tracks.reserve(handle, 1), Err(PushRefusal::TooFast));
    tracks.abandon(handle);
    assert!(tracks.reserve(handle, 1).unwrap().is_some());
}

#[test]
fn the_last_counts_of_a_track_come_with_its_end() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.push(0, track, b"frame").unwrap();
    room.read(1, stream);
    room.peers[1].tracks.handle_control(RemoteId(0), &json!({"type": "unpublished", "handle": track}));
    let outputs = std::iter::from_fn(|| room.peers[1].tracks.poll_output());
    let last = outputs.filter_map(|output| match output {
        TracksOutput::Unpublished(_, _, counts) => Some(counts.received),
        _ => None,
    });
    assert_eq!(last.collect::<Vec<_>>(), [1]);
}
