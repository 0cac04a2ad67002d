//! The data tracks of a room, as a part of its exported client. `host` is the `DataTracks` of `js/data_tracks.js`.

use std::cell::{Cell, RefCell, RefMut};

use metered_core::{
    DataTracks, PublishRefusal, PushRefusal, ReceiveCounts, RemoteId, StreamId, TracksOutput,
};
use metered_protocol::{FrameHeader, Value};
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::host::{self, Argument, Host};
use crate::json::Json;

/// What happened, as `js/data_tracks.js` numbers it.
mod happened {
    pub(super) const JOINED: u32 = 22;
    pub(super) const LEFT: u32 = 23;
    pub(super) const ANNOUNCED: u32 = 24;
    pub(super) const SIGNALS_LOST: u32 = 25;
    pub(super) const REPLACED: u32 = 26;
    pub(super) const OPENED: u32 = 27;
    pub(super) const CLOSED: u32 = 28;
    pub(super) const CONTROL: u32 = 29;
    pub(super) const WRITABLE: u32 = 30;
    pub(super) const UNPUBLISH: u32 = 31;
    pub(super) const CLOSE_STREAM: u32 = 32;
    pub(super) const ABANDON: u32 = 33;
    pub(super) const PUBLISH: u32 = 34;
    pub(super) const SUBSCRIBE: u32 = 35;
    pub(super) const TAKE: u32 = 36;
}

/// The first of them. Those before it are the client's.
pub(crate) const FIRST: u32 = happened::JOINED;

/// What a `DataTracks` can be asked for: its methods, in the order of the class, behind the constructor.
enum Ask {
    Announce,
    Open,
    Control,
    Blocked,
    Published,
    Unpublished,
    FrameReady,
    StreamEnded,
}

impl From<Ask> for u16 {
    fn from(method: Ask) -> Self {
        method as Self
    }
}

/// The data tracks of a client.
pub(crate) struct Tracks {
    tracks: RefCell<DataTracks>,
    is_polling: Cell<bool>,
}

#[wasm_bindgen]
impl Client {
    /// A packet came from a remote.
    #[wasm_bindgen(js_name = handlePacket)]
    pub fn handle_packet(&self, host: &Host, remote: u32, bytes: &[u8]) {
        self.tracks.borrow_mut().handle_packet(host::now(), RemoteId(remote), bytes);
        self.tracks.poll(host);
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
        host: &Host,
        handle: u16,
        number: u32,
        key_id: Option<u8>,
        timestamp: Option<u64>,
        payload: &[u8],
    ) {
        let header = FrameHeader { handle, number, key_id, timestamp };
        self.tracks.borrow_mut().submit(header, payload);
        self.tracks.poll(host);
    }
}

impl Tracks {
    /// No tracks yet. `epoch` names this life of ours.
    pub(crate) fn new(epoch: String) -> Self {
        Self { tracks: RefCell::new(DataTracks::new(epoch)), is_polling: Cell::new(false) }
    }

    /// Something happened. `id` is the remote with whom, and `value` its announcement or control message; or it is the track
    /// of ours or the stream that is done with. `number` is how much is buffered for a remote that may be writable.
    ///
    /// What is asked for has an answer:
    ///
    /// - publishing a track, whose name `value` is, and `number` whether it is encrypted: its handle, or why it cannot be: -1
    ///   for its name, -2 because that is taken, -3 because there are too many;
    /// - subscribing to the track of a remote that has the handle `number`, for as many frames as `value` says: the stream, if
    ///   there is such a track;
    /// - taking the next frame of the stream `id`: what `host.frame` makes of it, if there is one.
    pub(crate) fn tell(&self, host: &Host, kind: u32, id: u32, number: u32, value: &Json) -> JsValue {
        let remote = RemoteId(id);
        let mut tracks = self.tracks.borrow_mut();
        let mut answer = JsValue::UNDEFINED;
        match kind {
            happened::JOINED => tracks.peer_joined(remote),
            happened::LEFT => tracks.peer_left(remote),
            happened::ANNOUNCED => tracks.announced(remote, value),
            happened::SIGNALS_LOST => tracks.signals_lost(remote),
            happened::REPLACED => tracks.connection_replaced(remote),
            happened::OPENED => tracks.opened(remote),
            happened::CLOSED => tracks.closed(remote),
            happened::CONTROL => tracks.handle_control(remote, value),
            happened::WRITABLE => tracks.writable(remote, number as usize),
            happened::UNPUBLISH => tracks.unpublish(id as u16),
            happened::CLOSE_STREAM => tracks.close_stream(StreamId(id)),
            // The frame of a number that was taken could not be encrypted.
            happened::ABANDON => tracks.abandon(id as u16),
            happened::PUBLISH => {
                let published = tracks.publish(value.string().unwrap_or_default(), number != 0);
                answer = match published {
                    Ok(handle) => i32::from(handle),
                    Err(PublishRefusal::Name) => -1,
                    Err(PublishRefusal::NameTaken) => -2,
                    Err(PublishRefusal::TooMany) => -3,
                }
                .into();
            }
            happened::SUBSCRIBE => {
                let capacity = value.number().unwrap_or_default() as usize;
                if let Some(StreamId(stream)) = tracks.subscribe(remote, number as u16, capacity) {
                    answer = stream.into();
                }
            }
            happened::TAKE => {
                let frame = tracks.take(StreamId(id));
                drop(tracks);
                return frame.map_or(JsValue::UNDEFINED, |frame| {
                    let FrameHeader { timestamp, key_id, number, .. } = frame.header;
                    host.frame(&frame.payload, timestamp, key_id, number, &frame.header.associated_data())
                });
            }
            _ => {}
        }
        drop(tracks);
        self.poll(host);
        answer
    }

    pub(crate) fn borrow_mut(&self) -> RefMut<'_, DataTracks> {
        self.tracks.borrow_mut()
    }

    /// Hands over what became of the frames of a track of ours: pushed, sent, dropped, and who has subscribed now.
    pub(crate) fn hand_send_counts(&self, handle: u16) {
        let counts = self.tracks.borrow().send_counts(handle);
        [counts.pushed, counts.sent, counts.dropped, counts.subscribers].hand();
    }

    /// The same of a track of a remote's: received, overflowed, late, incomplete.
    pub(crate) fn hand_receive_counts(&self, remote: RemoteId, handle: u16) {
        listed(self.tracks.borrow().receive_counts(remote, handle)).hand();
    }

    /// Does what is to be done. Called from within, by a handler of the application, it leaves that to the caller.
    fn poll(&self, host: &Host) {
        if self.is_polling.replace(true) {
            return;
        }
        while let Some(output) = self.next() {
            match output {
                TracksOutput::Announce(RemoteId(remote), metadata) => {
                    host.with(metadata.as_str()).ask(Ask::Announce, remote);
                }
                TracksOutput::Open(RemoteId(remote)) => host.ask(Ask::Open, remote),
                TracksOutput::Control(RemoteId(remote), message) => {
                    host.with(message.as_str()).ask(Ask::Control, remote);
                }
                TracksOutput::Ask(remote) => {
                    let buffered = host.buffered(remote.0);
                    self.tracks.borrow_mut().writable(remote, buffered as usize);
                }
                TracksOutput::Blocked(RemoteId(remote)) => host.ask(Ask::Blocked, remote),
                TracksOutput::Packet(RemoteId(remote), bytes) => host.packet(remote, &bytes),
                TracksOutput::Published { remote: RemoteId(remote), handle, name, encrypted, epoch } => {
                    let host = host.with(u32::from(handle)).with(name.as_str());
                    host.with(encrypted).with(epoch.as_str()).ask(Ask::Published, remote);
                }
                TracksOutput::Unpublished(RemoteId(remote), handle, counts) => {
                    host.with(u32::from(handle)).with(listed(counts)).ask(Ask::Unpublished, remote);
                }
                TracksOutput::FrameReady(StreamId(stream)) => host.ask(Ask::FrameReady, stream),
                TracksOutput::StreamEnded(StreamId(stream), why) => {
                    host.with(why as u32).ask(Ask::StreamEnded, stream);
                }
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
