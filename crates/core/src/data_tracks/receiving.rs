//! The tracks that a remote publishes, and the streams of those here who read them.
//!
//! A track is asked for when its first stream begins and given up when its last one ends. Frames are delivered in
//! increasing order; each stream has a buffer of its own and drops its own oldest.

use std::rc::Rc;

use metered_protocol::{Packet, TrackControl, TrackWord};

use super::{DataTracks, Frame, Remote, StreamId, TracksOutput, is_before, remote_mut};
use crate::limits::MAX_DATA_TRACKS;
use crate::queue::Queue;
use crate::{Instant, RemoteId};

/// What became of the frames of a track that a remote publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveCounts {
    /// Frames that have arrived whole and in order.
    pub received: u32,
    /// Frames that streams have dropped because their buffers were full, once for each stream.
    pub overflowed: u32,
    /// Packets that came after a later frame, or again.
    pub late: u32,
    /// Frames that have arrived in part only.
    pub incomplete: u32,
}

/// Why a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The publisher has unpublished the track.
    Unpublished = 0,
    /// The publisher has left, or has begun a new life in which its tracks are others.
    Disconnected = 1,
    /// The publisher does not give us the track.
    Refused = 2,
}

/// A track that a remote publishes.
#[derive(Debug)]
pub(super) struct RemoteTrack {
    handle: u16,
    name: String,
    /// The subscription is asked for, on the present link.
    pub(super) is_requested: bool,
    /// The number of the latest frame that was delivered.
    last: Option<u32>,
    streams: Vec<Stream>,
    counts: ReceiveCounts,
}

#[derive(Debug)]
struct Stream {
    id: StreamId,
    capacity: usize,
    /// The oldest first.
    frames: Vec<Rc<Frame>>,
    /// Its reader knows that there are frames.
    is_told: bool,
}

impl DataTracks {
    /// Begins a stream of a remote's track, with a buffer of so many frames, 1 at least. `None` if there is no such track.
    pub fn subscribe(&mut self, remote: RemoteId, handle: u16, capacity: usize) -> Option<StreamId> {
        let remote = remote_mut(&mut self.remotes, remote)?;
        let track = remote.track_mut(handle)?;
        let id = StreamId::next(&mut self.last_stream);
        let stream = Stream { id, capacity: capacity.max(1), frames: Vec::new(), is_told: false };
        track.streams.push(stream);
        remote.ask_for_wanted(&mut self.out);
        Some(id)
    }

    /// Ends a stream.
    pub fn close_stream(&mut self, stream: StreamId) {
        for remote in &mut self.remotes {
            let place = |track: &RemoteTrack| track.streams.iter().position(|other| other.id == stream);
            let found = remote.tracks.iter_mut().find_map(|track| Some((place(track)?, track)));
            let Some((place, track)) = found else { continue };
            track.streams.remove(place);
            let handle = track.handle;
            if track.streams.is_empty() && std::mem::take(&mut track.is_requested) {
                remote.link.assembly.forget(handle);
                remote.tell(&TrackControl::About(handle, TrackWord::Unsubscribe), &mut self.out);
            }
        }
    }

    /// Takes the next frame of a stream. After `None` a [`TracksOutput::FrameReady`] tells of the next.
    pub fn take(&mut self, stream: StreamId) -> Option<Rc<Frame>> {
        let tracks = self.remotes.iter_mut().flat_map(|remote| &mut remote.tracks);
        let stream = tracks.flat_map(|track| &mut track.streams).find(|other| other.id == stream)?;
        stream.is_told = !stream.frames.is_empty();
        stream.is_told.then(|| stream.frames.remove(0))
    }

    /// What became of the frames of a remote's track.
    pub fn receive_counts(&self, remote: RemoteId, handle: u16) -> ReceiveCounts {
        let remote = self.remotes.iter().find(|other| other.id == remote);
        let track = remote.and_then(|remote| remote.tracks.iter().find(|track| track.handle == handle));
        track.map(|track| track.counts).unwrap_or_default()
    }

    /// A packet came from a remote.
    pub fn handle_packet(&mut self, now: Instant, remote: RemoteId, bytes: &[u8]) {
        let Self { remotes, out, .. } = self;
        let Some(remote) = remote_mut(remotes, remote) else { return };
        let Some(packet) = Packet::parse(bytes) else { return };
        let (handle, number) = (packet.frame.handle, packet.frame.number);
        let Some(track) = remote.tracks.iter_mut().find(|track| track.handle == handle) else { return };
        if !track.is_requested {
            return;
        }
        if track.last.is_some_and(|last| !is_before(last, number)) {
            track.counts.late = track.counts.late.wrapping_add(1);
            return;
        }
        let assembly = &mut remote.link.assembly;
        let frame = assembly.take(now, packet);
        if let Some(frame) = frame {
            assembly.delivered(handle, number);
            track.deliver(Rc::new(frame), out);
        }
        for handle in std::mem::take(&mut assembly.given_up) {
            if let Some(track) = remote.track_mut(handle) {
                track.counts.incomplete = track.counts.incomplete.wrapping_add(1);
            }
        }
    }
}

impl RemoteTrack {
    fn deliver(&mut self, frame: Rc<Frame>, out: &mut Queue<TracksOutput>) {
        self.last = Some(frame.header.number);
        self.counts.received = self.counts.received.wrapping_add(1);
        for stream in &mut self.streams {
            stream.frames.push(frame.clone());
            if stream.frames.len() > stream.capacity {
                stream.frames.remove(0);
                self.counts.overflowed = self.counts.overflowed.wrapping_add(1);
            }
            if !std::mem::replace(&mut stream.is_told, true) {
                out.push(TracksOutput::FrameReady(stream.id));
            }
        }
    }

    fn end_streams(&mut self, why: StreamEnd, out: &mut Queue<TracksOutput>) {
        for stream in std::mem::take(&mut self.streams) {
            out.push(TracksOutput::StreamEnded(stream.id, why));
        }
    }
}

impl Remote {
    fn track_mut(&mut self, handle: u16) -> Option<&mut RemoteTrack> {
        self.tracks.iter_mut().find(|track| track.handle == handle)
    }

    /// The remote publishes a track.
    pub(super) fn published(
        &mut self,
        handle: u16,
        name: String,
        encrypted: bool,
        out: &mut Queue<TracksOutput>,
    ) {
        if self.tracks.iter().any(|track| track.handle == handle && track.name == name) {
            return;
        }
        self.lose_tracks(StreamEnd::Unpublished, out, &|track| track.handle == handle || track.name == name);
        if self.tracks.len() >= MAX_DATA_TRACKS {
            return;
        }
        self.tracks.push(RemoteTrack {
            handle,
            name: name.clone(),
            is_requested: false,
            last: None,
            streams: Vec::new(),
            counts: ReceiveCounts::default(),
        });
        let epoch = self.epoch.clone();
        out.push(TracksOutput::Published { remote: self.id, handle, name, encrypted, epoch });
    }

    /// Some of its tracks are no more. A `dyn` predicate, since a copy of this for each would be large.
    pub(super) fn lose_tracks(
        &mut self,
        why: StreamEnd,
        out: &mut Queue<TracksOutput>,
        is_lost: &dyn Fn(&RemoteTrack) -> bool,
    ) {
        while let Some(at) = self.tracks.iter().position(is_lost) {
            let mut track = self.tracks.remove(at);
            self.link.assembly.forget(track.handle);
            track.end_streams(why, out);
            out.push(TracksOutput::Unpublished(self.id, track.handle, track.counts));
        }
    }

    /// Its tracks but those with these handles are no more.
    pub(super) fn keep_tracks(&mut self, handles: &[u16], out: &mut Queue<TracksOutput>) {
        self.lose_tracks(StreamEnd::Unpublished, out, &|track| !handles.contains(&track.handle));
    }

    pub(super) fn unpublished(&mut self, handle: u16, out: &mut Queue<TracksOutput>) {
        self.lose_tracks(StreamEnd::Unpublished, out, &|track| track.handle == handle);
    }

    /// We do not get a track.
    pub(super) fn refused(&mut self, handle: u16, out: &mut Queue<TracksOutput>) {
        if let Some(track) = self.track_mut(handle) {
            track.is_requested = false;
            track.end_streams(StreamEnd::Refused, out);
        }
    }

    /// A track that is read here and not asked for on this link. It is, from now on.
    pub(super) fn ask_for_next(&mut self) -> Option<u16> {
        let is_wanted = |track: &&mut RemoteTrack| !track.is_requested && !track.streams.is_empty();
        let track = self.tracks.iter_mut().find(is_wanted)?;
        track.is_requested = true;
        Some(track.handle)
    }
}
