//! Rooms of data-track machines, the server between them, and channels that lose, double and reorder packets.

use std::collections::{BTreeMap, VecDeque};

use metered_core::{DataTracks, Instant, PushRefusal, RemoteId, StreamEnd, StreamId, TracksOutput};
use metered_protocol::FrameHeader;
use serde_json::Value as Json;

/// What the channels between two peers do to what is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Packets that never arrive, in percent.
    pub loss: u8,
    /// Packets that arrive twice, in percent.
    pub twice: u8,
    /// Packets wait for a random number of others.
    pub reordering: bool,
}

/// What somebody in the room has.
pub struct Peer {
    pub tracks: DataTracks,
    /// Knows data tracks at all.
    pub is_able: bool,
    pub epoch: u32,
    /// What was said by way of the server, JSON text.
    pub announcements: usize,
    /// The tracks that are known, by publisher and name.
    pub known: BTreeMap<(usize, String), u16>,
    pub ready: Vec<StreamId>,
    pub ended: Vec<(StreamId, StreamEnd)>,
    /// The most that the frames channels hold, in bytes; beyond it they are full for ever.
    pub blocked: Vec<usize>,
}

/// One direction of a pair of channels.
#[derive(Default)]
struct Pipe {
    announcements: VecDeque<String>,
    control: VecDeque<String>,
    packets: Vec<Vec<u8>>,
    buffered: usize,
}

/// The two sides of a connection: how often each was replaced, and whether it has its ends of the channels.
#[derive(Default)]
struct Pair {
    generation: [u32; 2],
    has_ends: [bool; 2],
    told_open: [bool; 2],
}

impl Pair {
    /// One side has a new connection.
    fn replace(&mut self, side: usize) {
        self.generation[side] += 1;
        self.has_ends[side] = false;
        self.told_open[side] = false;
    }

    /// Whether the two sides are on one connection.
    fn is_whole(&self) -> bool {
        self.generation[0] == self.generation[1]
    }
}

pub struct Room {
    pub peers: Vec<Peer>,
    pub weather: Weather,
    pub now: u64,
    /// Frames channels take so many bytes and keep them until [`Room::drain`].
    pub is_clogged: bool,
    pipes: BTreeMap<(usize, usize), Pipe>,
    pairs: BTreeMap<(usize, usize), Pair>,
    pub random: fastrand::Rng,
    /// Packets that reached a frames channel, by sender and receiver.
    pub sent: BTreeMap<(usize, usize), usize>,
}

fn id(peer: usize) -> RemoteId {
    RemoteId(peer as u32)
}

impl Room {
    /// So many peers, who all know data tracks and see each other.
    pub fn new(peers: usize) -> Self {
        let mut room = Self {
            peers: Vec::new(),
            weather: Weather::default(),
            now: 0,
            is_clogged: false,
            pipes: BTreeMap::new(),
            pairs: BTreeMap::new(),
            random: fastrand::Rng::with_seed(1),
            sent: BTreeMap::new(),
        };
        for _ in 0..peers {
            room.enter(true);
        }
        room
    }

    fn life(epoch: u32) -> DataTracks {
        DataTracks::new(format!("epoch-{epoch}"))
    }

    /// Somebody enters the room.
    pub fn enter(&mut self, is_able: bool) -> usize {
        let new = self.peers.len();
        let epoch = self.random.u32(..);
        self.peers.push(Peer {
            tracks: Self::life(epoch),
            is_able,
            epoch,
            announcements: 0,
            known: BTreeMap::new(),
            ready: Vec::new(),
            ended: Vec::new(),
            blocked: Vec::new(),
        });
        for other in 0..new {
            self.peers[other].tracks.peer_joined(id(new));
            self.peers[new].tracks.peer_joined(id(other));
        }
        self.settle();
        new
    }

    /// Somebody leaves.
    pub fn leave(&mut self, gone: usize) {
        for other in 0..self.peers.len() {
            self.peers[other].tracks.peer_left(id(gone));
            self.forget(gone, other);
        }
        self.settle();
    }

    /// The page is loaded again: everything of it is new, and the others have a new connection to it.
    pub fn reload(&mut self, peer: usize) {
        let epoch = self.random.u32(..);
        self.peers[peer].tracks = Self::life(epoch);
        self.peers[peer].epoch = epoch;
        self.peers[peer].known.clear();
        for other in (0..self.peers.len()).filter(|&other| other != peer) {
            self.peers[peer].tracks.peer_joined(id(other));
            self.forget(peer, other);
            self.pair(peer, other).replace(usize::from(peer > other));
            self.pair(peer, other).replace(usize::from(other > peer));
            self.peers[other].tracks.connection_replaced(id(peer));
        }
        self.settle();
    }

    /// The connection between two is replaced.
    pub fn replace_connection(&mut self, a: usize, b: usize) {
        self.forget(a, b);
        self.pair(a, b).replace(usize::from(a > b));
        self.peers[a].tracks.connection_replaced(id(b));
        // The other learns of it somewhat later.
        if self.random.bool() {
            self.settle();
        }
        self.pair(a, b).replace(usize::from(b > a));
        self.peers[b].tracks.connection_replaced(id(a));
        self.settle();
    }

    fn pair(&mut self, a: usize, b: usize) -> &mut Pair {
        self.pairs.entry((a.min(b), a.max(b))).or_default()
    }

    fn forget(&mut self, a: usize, b: usize) {
        for way in [(a, b), (b, a)] {
            let pipe = self.pipes.entry(way).or_default();
            pipe.control.clear();
            pipe.packets.clear();
            pipe.buffered = 0;
        }
    }

    /// Publishes a track, for all to see.
    pub fn publish(&mut self, peer: usize, name: &str) -> u16 {
        let handle = self.peers[peer].tracks.publish(name.into(), false).unwrap();
        self.settle();
        handle
    }

    pub fn unpublish(&mut self, peer: usize, handle: u16) {
        self.peers[peer].tracks.unpublish(handle);
        self.settle();
    }

    /// Begins to read a track by its name.
    pub fn subscribe(&mut self, reader: usize, publisher: usize, name: &str, capacity: usize) -> StreamId {
        let handle = self.peers[reader].known[&(publisher, name.to_owned())];
        let stream = self.peers[reader].tracks.subscribe(id(publisher), handle, capacity).unwrap();
        self.settle();
        stream
    }

    pub fn close(&mut self, reader: usize, stream: StreamId) {
        self.peers[reader].tracks.close_stream(stream);
        self.settle();
    }

    /// Pushes a frame and lets it travel.
    pub fn push(&mut self, peer: usize, handle: u16, payload: &[u8]) -> Result<(), PushRefusal> {
        let pushed = self.push_only(peer, handle, payload);
        self.settle();
        pushed
    }

    /// Pushes a frame and does nothing else.
    pub fn push_only(&mut self, peer: usize, handle: u16, payload: &[u8]) -> Result<(), PushRefusal> {
        let tracks = &mut self.peers[peer].tracks;
        if let Some(number) = tracks.reserve(handle, payload.len())? {
            let header = FrameHeader { handle, number, key_id: None, timestamp: None };
            tracks.submit(header, payload);
        }
        Ok(())
    }

    /// All that a stream has.
    pub fn read(&mut self, reader: usize, stream: StreamId) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.peers[reader].tracks.take(stream))
            .map(|frame| frame.payload.to_vec())
            .collect()
    }

    /// Gives what waits in one clogged frames channel to the network.
    pub fn empty(&mut self, from: usize, to: usize) {
        self.pipes.entry((from, to)).or_default().buffered = 0;
        self.peers[from].tracks.writable(id(to), 0);
        self.settle();
    }

    /// Gives what waits in clogged frames channels to the network.
    pub fn drain(&mut self) {
        for pipe in self.pipes.values_mut() {
            pipe.buffered = 0;
        }
        for from in 0..self.peers.len() {
            for to in std::mem::take(&mut self.peers[from].blocked) {
                self.peers[from].tracks.writable(id(to), 0);
            }
        }
        self.settle();
    }

    /// Lets everything happen that can.
    pub fn settle(&mut self) {
        loop {
            let acted = self.act_all();
            if !self.travel() && !acted {
                return;
            }
        }
    }

    /// Does what the machines ask for, and lets nothing arrive. Answers whether there was anything.
    pub fn act_all(&mut self) -> bool {
        let mut acted = false;
        for peer in 0..self.peers.len() {
            while let Some(output) = self.peers[peer].tracks.poll_output() {
                acted = true;
                self.act(peer, output);
            }
        }
        acted
    }

    fn act(&mut self, from: usize, output: TracksOutput) {
        let index = |RemoteId(id): RemoteId| id as usize;
        match output {
            TracksOutput::Announce(to, text) => {
                self.peers[from].announcements += 1;
                self.pipes.entry((from, index(to))).or_default().announcements.push_back(text);
            }
            TracksOutput::Open(to) => {
                let to = index(to);
                self.pair(from, to).has_ends[usize::from(from > to)] = true;
            }
            TracksOutput::Control(to, text) => {
                let to = index(to);
                let pair = self.pair(from, to);
                if pair.is_whole() {
                    let has_ends = pair.has_ends == [true; 2];
                    assert!(has_ends, "{from} says {text} to {to}, who has no end of the channel");
                    self.pipes.entry((from, to)).or_default().control.push_back(text);
                }
            }
            TracksOutput::Ask(to) => {
                let buffered = self.pipes.entry((from, index(to))).or_default().buffered;
                self.peers[from].tracks.writable(to, buffered);
            }
            TracksOutput::Blocked(to) if self.is_clogged => self.peers[from].blocked.push(index(to)),
            TracksOutput::Blocked(to) => self.peers[from].tracks.writable(to, 0),
            TracksOutput::Packet(to, bytes) => {
                let way = (from, index(to));
                *self.sent.entry(way).or_default() += 1;
                let pipe = self.pipes.entry(way).or_default();
                pipe.buffered += if self.is_clogged { bytes.len() } else { 0 };
                for _ in 0..if self.random.u8(..100) < self.weather.twice { 2 } else { 1 } {
                    if self.random.u8(..100) >= self.weather.loss {
                        pipe.packets.push(bytes.clone());
                    }
                }
                if self.weather.reordering && pipe.packets.len() > 1 {
                    let at = self.random.usize(..pipe.packets.len());
                    let last = pipe.packets.len() - 1;
                    pipe.packets.swap(at, last);
                }
            }
            TracksOutput::Published { remote, handle, name, encrypted, epoch } => {
                assert_eq!(epoch, format!("epoch-{}", self.peers[index(remote)].epoch));
                assert!(!encrypted);
                let before = self.peers[from].known.insert((index(remote), name), handle);
                assert_eq!(before, None, "published twice");
            }
            TracksOutput::Unpublished(remote, handle, _) => {
                let known = self.peers[from].known.len();
                self.peers[from].known.retain(|(peer, _), other| (*peer, *other) != (index(remote), handle));
                assert_eq!(self.peers[from].known.len() + 1, known, "unpublished what was not published");
            }
            TracksOutput::FrameReady(stream) => self.peers[from].ready.push(stream),
            TracksOutput::StreamEnded(stream, why) => self.peers[from].ended.push((stream, why)),
        }
    }

    /// Lets what is under way arrive. Answers whether anything was.
    fn travel(&mut self) -> bool {
        let mut moved = false;
        for (&(a, b), pair) in &mut self.pairs {
            // A channel opens at either end as soon as there is an association, whether the other end is there or not.
            if !pair.is_whole() {
                continue;
            }
            for (side, (peer, other)) in [(a, b), (b, a)].into_iter().enumerate() {
                if pair.has_ends[side] && !std::mem::replace(&mut pair.told_open[side], true) {
                    self.peers[peer].tracks.opened(id(other));
                    moved = true;
                }
            }
        }
        let ways: Vec<_> = self.pipes.keys().copied().collect();
        for (from, to) in ways {
            let is_able = self.peers[to].is_able;
            let Some(pipe) = self.pipes.get_mut(&(from, to)) else { continue };
            let announcement = pipe.announcements.pop_front();
            let control = pipe.control.pop_front();
            let packets = std::mem::take(&mut pipe.packets);
            moved |= announcement.is_some() || control.is_some() || !packets.is_empty();
            let tracks = &mut self.peers[to].tracks;
            if let Some(text) = announcement.filter(|_| is_able) {
                tracks.announced::<Json>(id(from), &serde_json::from_str(&text).unwrap());
            }
            if let Some(text) = control {
                assert!(is_able, "{to} does not know data tracks and gets {text}");
                tracks.handle_control::<Json>(id(from), &serde_json::from_str(&text).unwrap());
            }
            for packet in packets {
                assert!(is_able);
                tracks.handle_packet(Instant(self.now), id(from), &packet);
            }
        }
        moved
    }
}
