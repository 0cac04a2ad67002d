//! Frames on their way: lengths, loss, order, slow links.

use metered_core::PushRefusal;
use metered_core::limits::{FRAMES_HIGH_WATER, MAX_FRAME_BYTES, PARTIAL_FRAME_MS};

use crate::net::{Room, Weather};

/// A payload that tells which it is, so long at least.
fn numbered(number: u32, length: usize) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(length.max(4), number as u8);
    payload
}

fn number_of(payload: &[u8]) -> u32 {
    u32::from_be_bytes(*payload.first_chunk().unwrap())
}

#[test]
fn frames_of_0_bytes_1_byte_one_packet_one_more_and_a_mebibyte_arrive_as_they_were() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    let packet = 16_000 - 12;
    for length in [0, 1, packet - 1, packet, packet + 1, MAX_FRAME_BYTES] {
        let payload: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
        let before = room.sent.get(&(0, 1)).copied().unwrap_or_default();
        room.push(0, track, &payload).unwrap();
        assert!(room.read(1, stream) == [payload], "{length} bytes");
        let packets = room.sent[&(0, 1)] - before;
        assert_eq!(packets, length.div_ceil(packet).max(1), "{length} bytes");
    }
    assert_eq!(room.push(0, track, &vec![0; MAX_FRAME_BYTES + 1]), Err(PushRefusal::TooLarge));
}

#[test]
fn whatever_the_weather_a_stream_has_whole_frames_in_increasing_order() {
    for seed in 0..100 {
        let mut room = Room::new(2);
        room.random = fastrand::Rng::with_seed(seed);
        let track = room.publish(0, "any");
        let stream = room.subscribe(1, 0, "any", 1_000);
        room.weather = Weather { loss: 10, twice: 10, reordering: true };
        let mut last = None;
        let mut read = 0;
        for number in 0..200 {
            let length = room.random.usize(..60_000);
            let burst = room.random.bool();
            room.push_only(0, track, &numbered(number, length)).unwrap();
            if burst {
                room.settle();
            }
            room.now += 10;
            for payload in room.read(1, stream) {
                let number = number_of(&payload);
                assert!(last < Some(number), "{number} after {last:?}");
                assert!(payload[4..].iter().all(|&byte| byte == number as u8));
                last = Some(number);
                read += 1;
            }
        }
        let counts = room.peers[1].tracks.receive_counts(metered_core::RemoteId(0), track);
        assert_eq!((counts.received, counts.overflowed), (read, 0));
        assert!(read > 30, "{read} of 200 arrived");
    }
}

#[test]
fn in_fair_weather_everything_that_is_read_in_time_arrives() {
    let mut room = Room::new(3);
    let track = room.publish(0, "any");
    let streams = [room.subscribe(1, 0, "any", 1), room.subscribe(2, 0, "any", 1)];
    for number in 0..1_000 {
        room.push(0, track, &numbered(number, 100)).unwrap();
        for (reader, stream) in [1, 2].into_iter().zip(streams) {
            assert_eq!(room.read(reader, stream), [numbered(number, 100)]);
        }
    }
    let counts = room.peers[0].tracks.send_counts(track);
    assert_eq!((counts.pushed, counts.sent, counts.dropped, counts.subscribers), (1_000, 2_000, 0, 2));
}

#[test]
fn a_frame_that_lost_a_packet_is_given_up_and_counted_and_the_next_ones_arrive() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 4);
    room.weather.loss = 100;
    room.push(0, track, &numbered(1, 4)).unwrap();
    room.weather.loss = 50;
    for number in 2..10 {
        room.push(0, track, &numbered(number, 100_000)).unwrap();
    }
    room.weather.loss = 0;
    room.now += PARTIAL_FRAME_MS;
    room.push(0, track, &numbered(10, 100_000)).unwrap();
    assert_eq!(room.read(1, stream).iter().map(|payload| number_of(payload)).collect::<Vec<_>>(), [10]);
    let counts = room.peers[1].tracks.receive_counts(metered_core::RemoteId(0), track);
    assert_eq!((counts.received, counts.incomplete, counts.late), (1, 8, 0));
}

#[test]
fn numbers_wrap_and_nothing_stops() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 8);
    let mut send = |number: u32| {
        let header = metered_protocol::FrameHeader { handle: track, number, key_id: None, timestamp: None };
        room.peers[0].tracks.submit(header, &number.to_be_bytes());
        room.settle();
    };
    for number in [u32::MAX - 1, u32::MAX, 0, 1, u32::MAX, 2] {
        send(number);
    }
    let numbers: Vec<_> = room.read(1, stream).iter().map(|payload| number_of(payload)).collect();
    assert_eq!(numbers, [u32::MAX - 1, u32::MAX, 0, 1, 2], "what is before the wrap is late after it");
}

#[test]
fn pushes_to_several_tracks_are_interleaved_and_none_starves() {
    let mut room = Room::new(2);
    let tracks: Vec<_> = (0..5).map(|n| room.publish(0, &format!("track {n}"))).collect();
    let streams: Vec<_> = (0..5).map(|n| room.subscribe(1, 0, &format!("track {n}"), 1_000)).collect();
    room.is_clogged = true;
    for round in 0..50 {
        for &track in &tracks {
            room.push(0, track, &numbered(round, 40_000)).unwrap();
        }
        room.drain();
    }
    for _ in 0..10 {
        room.drain();
    }
    let read: Vec<_> = streams.iter().map(|&stream| room.read(1, stream).len()).collect();
    let (least, most) = (read.iter().min().unwrap(), read.iter().max().unwrap());
    assert!(most - least <= 2 && *least > 10, "{read:?}");
}

#[test]
fn a_slow_link_loses_whole_old_frames_and_the_latest_arrives() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 1_000);
    room.is_clogged = true;
    for number in 0..100 {
        room.push(0, track, &numbered(number, 50_000)).unwrap();
    }
    for _ in 0..10 {
        room.drain();
    }
    let numbers: Vec<_> = room.read(1, stream).iter().map(|payload| number_of(payload)).collect();
    assert!(numbers.len() < 10 && numbers.last() == Some(&99), "{numbers:?}");
    let counts = room.peers[0].tracks.send_counts(track);
    assert_eq!((counts.pushed, counts.sent + counts.dropped), (100, 100));
}

#[test]
fn what_waits_in_a_frames_channel_is_bounded_and_a_frame_once_begun_is_finished() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 1_000);
    room.is_clogged = true;
    room.push(0, track, &numbered(0, MAX_FRAME_BYTES)).unwrap();
    let packets = room.sent[&(0, 1)];
    assert!(packets * 16_000 < FRAMES_HIGH_WATER + 16_000);
    room.push(0, track, &numbered(1, 100)).unwrap();
    room.push(0, track, &numbered(2, 100)).unwrap();
    for _ in 0..30 {
        room.drain();
    }
    let numbers: Vec<_> = room.read(1, stream).iter().map(|payload| number_of(payload)).collect();
    assert_eq!(numbers, [0, 2]);
}

#[test]
fn a_slow_link_delays_nobody_else() {
    let mut room = Room::new(3);
    let track = room.publish(0, "any");
    let slow = room.subscribe(1, 0, "any", 1_000);
    let fast = room.subscribe(2, 0, "any", 1_000);
    room.is_clogged = true;
    for number in 0..200 {
        room.push_only(0, track, &numbered(number, 20_000)).unwrap();
        room.settle();
        // Only the fast one's channel empties.
        room.peers[0].blocked.retain(|&to| to != 2);
        room.empty(0, 2);
    }
    assert_eq!(room.read(2, fast).len(), 200);
    assert!(room.read(1, slow).len() < 10);
}

#[test]
fn each_stream_has_its_own_buffer_and_drops_its_own_oldest() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let small = room.subscribe(1, 0, "any", 0);
    let large = room.subscribe(1, 0, "any", 5);
    for number in 0..5 {
        room.push(0, track, &numbered(number, 4)).unwrap();
    }
    assert_eq!(room.read(1, small), [numbered(4, 4)], "a buffer of 0 frames is one of 1");
    assert_eq!(room.read(1, large).len(), 5);
    assert_eq!(room.sent[&(0, 1)], 5, "two streams of a track are one subscription");
    let counts = room.peers[1].tracks.receive_counts(metered_core::RemoteId(0), track);
    assert_eq!((counts.received, counts.overflowed), (5, 4));
}

#[test]
fn a_reader_is_told_of_a_frame_once_until_it_has_read_all() {
    let mut room = Room::new(2);
    let track = room.publish(0, "any");
    let stream = room.subscribe(1, 0, "any", 5);
    for number in 0..3 {
        room.push(0, track, &numbered(number, 4)).unwrap();
    }
    assert_eq!(room.peers[1].ready, [stream]);
    room.read(1, stream);
    room.push(0, track, &numbered(3, 4)).unwrap();
    assert_eq!(room.peers[1].ready, [stream, stream]);
}
