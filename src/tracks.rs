//! The exported data tracks of one room.

use std::cell::{Cell, RefCell};

use metered_core::{
    DataTracks, Instant, PublishRefusal, PushRefusal, ReceiveCounts, RemoteId, StreamId, TracksOutput,
};
use metered_protocol::FrameHeader;
use wasm_bindgen::prelude::*;

use crate::json::Json;

#[wasm_bindgen]
extern "C" {
    /// See `js/data_tracks.js`, method by method. Like `Host` it is handed in with each call and never stored.
    pub type TrackHost;

    #[wasm_bindgen(method)]
    fn announce(this: &TrackHost, remote: u32, metadata: &str);
    #[wasm_bindgen(method)]
    fn open(this: &TrackHost, remote: u32);
    #[wasm_bindgen(method)]
    fn control(this: &TrackHost, remote: u32, message: &str);
    #[wasm_bindgen(method)]
    fn buffered(this: &TrackHost, remote: u32) -> f64;
    #[wasm_bindgen(method)]
    fn blocked(this: &TrackHost, remote: u32);
    #[wasm_bindgen(method)]
    fn packet(this: &TrackHost, remote: u32, bytes: &[u8]);
    #[wasm_bindgen(method)]
    fn published(this: &TrackHost, remote: u32, handle: u16, name: &str, encrypted: bool, epoch: &str);
    #[wasm_bindgen(method)]
    fn unpublished(this: &TrackHost, remote: u32, handle: u16, counts: &[u32]);
    #[wasm_bindgen(method, js_name = frameReady)]
    fn frame_ready(this: &TrackHost, stream: u32);
    #[wasm_bindgen(method, js_name = streamEnded)]
    fn stream_ended(this: &TrackHost, stream: u32, why: u32);
    /// Makes a frame of what is in linear memory, for as long as the call lasts.
    #[wasm_bindgen(method)]
    fn frame(
        this: &TrackHost,
        payload: &[u8],
        timestamp: Option<u64>,
        key_id: Option<u8>,
        number: u32,
        associated_data: &[u8],
    ) -> JsValue;
}

/// What happened, as `js/data_tracks.js` numbers it.
mod happened {
    pub(super) const JOINED: u32 = 0;
    pub(super) const LEFT: u32 = 1;
    pub(super) const ANNOUNCED: u32 = 2;
    pub(super) const SIGNALS_LOST: u32 = 3;
    pub(super) const REPLACED: u32 = 4;
    pub(super) const OPENED: u32 = 5;
    pub(super) const CLOSED: u32 = 6;
    pub(super) const CONTROL: u32 = 7;
    pub(super) const WRITABLE: u32 = 8;
    pub(super) const UNPUBLISH: u32 = 9;
    pub(super) const CLOSE_STREAM: u32 = 10;
    pub(super) const ABANDON: u32 = 11;
}

/// A room's data tracks, without their JavaScript side. Used by `js/data_tracks.js` only.
#[wasm_bindgen(skip_typescript)]
pub struct Tracks {
    tracks: RefCell<DataTracks>,
    is_polling: Cell<bool>,
}

#[wasm_bindgen]
impl Tracks {
    /// No tracks yet. `epoch` names this life of ours.
    #[wasm_bindgen(constructor)]
    pub fn new(epoch: String) -> Tracks {
        Self { tracks: RefCell::new(DataTracks::new(epoch)), is_polling: Cell::new(false) }
    }

    /// Something happened. `id` is the remote with whom, and `value` its announcement or control message; or it is the track
    /// of ours or the stream that is done with.
    pub fn tell(&self, host: &TrackHost, kind: u32, id: u32, value: JsValue) {
        let remote = RemoteId(id);
        let mut tracks = self.tracks.borrow_mut();
        match kind {
            happened::JOINED => tracks.peer_joined(remote),
            happened::LEFT => tracks.peer_left(remote),
            happened::ANNOUNCED => tracks.announced(remote, &Json(value)),
            happened::SIGNALS_LOST => tracks.signals_lost(remote),
            happened::REPLACED => tracks.connection_replaced(remote),
            happened::OPENED => tracks.opened(remote),
            happened::CLOSED => tracks.closed(remote),
            happened::CONTROL => tracks.handle_control(remote, &Json(value)),
            happened::WRITABLE => tracks.writable(remote, host.buffered(id) as usize),
            happened::UNPUBLISH => tracks.unpublish(id as u16),
            happened::CLOSE_STREAM => tracks.close_stream(StreamId(id)),
            // The frame of a number that was taken could not be encrypted.
            happened::ABANDON => tracks.abandon(id as u16),
            _ => {}
        }
        drop(tracks);
        self.poll(host);
    }

    /// A packet came from a remote.
    #[wasm_bindgen(js_name = handlePacket)]
    pub fn handle_packet(&self, host: &TrackHost, remote: u32, now: f64, bytes: &[u8]) {
        self.tracks.borrow_mut().handle_packet(Instant(now as u64), RemoteId(remote), bytes);
        self.poll(host);
    }

    /// Publishes a track. Answers its handle, or why it cannot be: -1 for its name, -2 because that is taken, -3 because
    /// there are too many.
    pub fn publish(&self, host: &TrackHost, name: String, encrypted: bool) -> i32 {
        let published = self.tracks.borrow_mut().publish(name, encrypted);
        self.poll(host);
        match published {
            Ok(handle) => i32::from(handle),
            Err(PublishRefusal::Name) => -1,
            Err(PublishRefusal::NameTaken) => -2,
            Err(PublishRefusal::TooMany) => -3,
        }
    }

    /// Takes the number of the next frame. Negative: nobody has subscribed (-1), the track is not published (-2), too many
    /// frames are being encrypted (-3), the payload is too long (-4), there are no numbers left (-5).
    pub fn reserve(&self, handle: u16, bytes: f64) -> f64 {
        match self.tracks.borrow_mut().reserve(handle, bytes as usize) {
            Ok(Some(number)) => f64::from(number),
            Ok(None) => -1.0,
            Err(PushRefusal::Unpublished) => -2.0,
            Err(PushRefusal::TooFast) => -3.0,
            Err(PushRefusal::TooLarge) => -4.0,
            Err(PushRefusal::Exhausted) => -5.0,
        }
    }

    /// What encryption authenticates of a frame besides its payload.
    #[wasm_bindgen(js_name = associatedData)]
    pub fn associated_data(&self, handle: u16, number: u32, key_id: u8, timestamp: Option<u64>) -> Vec<u8> {
        FrameHeader { handle, number, key_id: Some(key_id), timestamp }.associated_data()
    }

    /// Sends the frame of a number that was taken.
    pub fn submit(
        &self,
        host: &TrackHost,
        handle: u16,
        number: u32,
        key_id: Option<u8>,
        timestamp: Option<u64>,
        payload: &[u8],
    ) {
        let header = FrameHeader { handle, number, key_id, timestamp };
        self.tracks.borrow_mut().submit(header, payload);
        self.poll(host);
    }

    /// Begins a stream. Undefined if there is no such track.
    pub fn subscribe(&self, host: &TrackHost, remote: u32, handle: u16, capacity: f64) -> Option<u32> {
        let stream = self.tracks.borrow_mut().subscribe(RemoteId(remote), handle, capacity as usize);
        self.poll(host);
        stream.map(|StreamId(id)| id)
    }

    /// Takes the next frame of a stream: what `host.frame` makes of it, or undefined.
    pub fn take(&self, host: &TrackHost, stream: u32) -> JsValue {
        let frame = self.tracks.borrow_mut().take(StreamId(stream));
        frame.map_or(JsValue::UNDEFINED, |frame| {
            let FrameHeader { timestamp, key_id, number, .. } = frame.header;
            host.frame(&frame.payload, timestamp, key_id, number, &frame.header.associated_data())
        })
    }

    /// What became of the frames of a track. Of ours, without a remote: pushed, sent, dropped, and who has subscribed now. Of
    /// theirs: received, overflowed, late, incomplete.
    pub fn counts(&self, remote: Option<u32>, handle: u16) -> Vec<u32> {
        let tracks = self.tracks.borrow();
        let Some(remote) = remote else {
            let counts = tracks.send_counts(handle);
            return vec![counts.pushed, counts.sent, counts.dropped, counts.subscribers];
        };
        listed(tracks.receive_counts(RemoteId(remote), handle)).into()
    }

    fn ask(&self, host: &TrackHost, remote: RemoteId) {
        let buffered = host.buffered(remote.0);
        self.tracks.borrow_mut().writable(remote, buffered as usize);
    }

    /// Does what is to be done. Called from within, by a handler of the application, it leaves that to the caller.
    fn poll(&self, host: &TrackHost) {
        if self.is_polling.replace(true) {
            return;
        }
        while let Some(output) = self.next() {
            match output {
                TracksOutput::Announce(RemoteId(remote), metadata) => host.announce(remote, &metadata),
                TracksOutput::Open(RemoteId(remote)) => host.open(remote),
                TracksOutput::Control(RemoteId(remote), message) => host.control(remote, &message),
                TracksOutput::Ask(remote) => self.ask(host, remote),
                TracksOutput::Blocked(RemoteId(remote)) => host.blocked(remote),
                TracksOutput::Packet(RemoteId(remote), bytes) => host.packet(remote, &bytes),
                TracksOutput::Published { remote: RemoteId(remote), handle, name, encrypted, epoch } => {
                    host.published(remote, handle, &name, encrypted, &epoch);
                }
                TracksOutput::Unpublished(RemoteId(remote), handle, counts) => {
                    host.unpublished(remote, handle, &listed(counts));
                }
                TracksOutput::FrameReady(StreamId(stream)) => host.frame_ready(stream),
                TracksOutput::StreamEnded(StreamId(stream), why) => host.stream_ended(stream, why as u32),
            }
        }
        self.is_polling.set(false);
    }

    fn next(&self) -> Option<TracksOutput> {
        self.tracks.borrow_mut().poll_output()
    }
}

fn listed(counts: ReceiveCounts) -> [u32; 4] {
    [counts.received, counts.overflowed, counts.late, counts.incomplete]
}
