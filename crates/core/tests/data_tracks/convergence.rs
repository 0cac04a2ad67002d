//! Whatever happens, in whatever order: everybody knows in the end what is published, and every stream that stands gets
//! the next frame.

use std::collections::BTreeMap;

use metered_core::StreamId;

use crate::net::Room;

/// What should be.
#[derive(Default)]
struct Model {
    /// Handles by publisher and name.
    published: BTreeMap<(usize, String), u16>,
    /// Streams by reader, with what they read.
    streams: Vec<(usize, StreamId, (usize, String))>,
}

impl Model {
    /// Forgets the streams that were told to have ended.
    fn sweep(&mut self, room: &Room) {
        self.streams.retain(|(reader, stream, _)| {
            !room.peers[*reader].ended.iter().any(|(ended, _)| ended == stream)
        });
    }
}

#[test]
fn after_any_sequence_of_events_rosters_agree_and_streams_flow() {
    for seed in 0..400 {
        let mut room = Room::new(3);
        room.random = fastrand::Rng::with_seed(seed);
        let mut model = Model::default();
        for _ in 0..60 {
            let (peer, other) = (room.random.usize(..3), room.random.usize(..2));
            let other = if other >= peer { other + 1 } else { other };
            let name = format!("track {}", room.random.u8(..3));
            let key = (other, name.clone());
            match room.random.u8(..10) {
                0 | 1 => {
                    if let Ok(handle) = room.peers[peer].tracks.publish(name.clone(), false) {
                        model.published.insert((peer, name), handle);
                    }
                }
                2 => {
                    if let Some(handle) = model.published.remove(&(peer, name)) {
                        room.peers[peer].tracks.unpublish(handle);
                    }
                }
                3..6 => {
                    let Some(&handle) = room.peers[peer].known.get(&key) else { continue };
                    let publisher = metered_core::RemoteId(other as u32);
                    let stream = room.peers[peer].tracks.subscribe(publisher, handle, 1).unwrap();
                    model.streams.push((peer, stream, key));
                }
                6 => {
                    if model.streams.is_empty() {
                        continue;
                    }
                    let at = room.random.usize(..model.streams.len());
                    let (reader, stream, _) = model.streams.remove(at);
                    room.peers[reader].tracks.close_stream(stream);
                }
                7 => room.replace_connection(peer, other),
                8 => {
                    room.settle();
                    model.sweep(&room);
                    room.reload(peer);
                    model.published.retain(|(publisher, _), _| *publisher != peer);
                    model.streams.retain(|(reader, ..)| *reader != peer);
                    room.peers[peer].ended.clear();
                }
                _ => {
                    if let Some(&handle) = model.published.get(&(peer, name)) {
                        room.push_only(peer, handle, b"on the way").unwrap();
                    }
                }
            }
            room.act_all();
            if room.random.bool() {
                room.settle();
            }
        }
        room.settle();
        model.sweep(&room);
        for peer in 0..3 {
            let expected = model.published.iter().filter(|((publisher, _), _)| *publisher != peer);
            let expected: BTreeMap<_, _> = expected.map(|(key, handle)| (key.clone(), *handle)).collect();
            assert_eq!(room.peers[peer].known, expected, "seed {seed}: what {peer} knows");
        }
        for (reader, stream, key) in &model.streams {
            let handle = model.published.get(key).unwrap_or_else(|| panic!("seed {seed}: {key:?} is gone"));
            room.read(*reader, *stream);
            room.push(key.0, *handle, b"the last").unwrap();
            assert_eq!(
                room.read(*reader, *stream),
                [b"the last".to_vec()],
                "seed {seed}: {reader} reads {key:?}"
            );
        }
    }
}
