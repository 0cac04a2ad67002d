//! Data tracks: named sources of frames that others subscribe to, carried from peer to peer.
//!
//! With each remote that knows data tracks too there is a pair of data channels, negotiated by id so that no event of
//! theirs surfaces: *control*, ordered and reliable, and *frames*, where nothing is sent twice. Both exist only once
//! somebody publishes, and never towards a peer that does not know them.
//!
//! ```text
//!    publisher                                        the other
//!        │ ── announcement ─────────────────────────────► │ opens its ends
//!        │ ◄───────────────────── announcement, "open" ── │
//!   opens its ends                                        │
//!        │ ── announcement, "open" ─────────────────────► │
//!        │ ── hello, published … ───────────────────────► │
//!        │ ◄────────────────────── hello, subscribe … ─── │
//!        │ ── subscribed; frames, packet by packet ─────► │
//! ```
//!
//! Announcements go by way of the server. A side says hello only when it knows that the other's end of the channel exists,
//! because what comes before goes nowhere; who hears a hello knows it.
//!
//! The machine is driven like [`crate::Core`]: call a method for what happens, then take all that
//! [`DataTracks::poll_output`] has. It holds the frames' bytes, since a frame for many is cut into packets for each, and
//! knows nothing of encryption but that the payload may be encrypted.

mod assembly;
mod publishing;
mod receiving;

use metered_protocol::{Announcement, FrameHeader, MAX_PACKET_BYTES, ToJson, TrackControl, TrackWord, Value};

use crate::RemoteId;
use crate::ids::StreamId;
use crate::queue::Queue;
use assembly::Assembly;
use publishing::{LocalTrack, Mailbox, Sending, local_mut};
pub use publishing::{PublishRefusal, PushRefusal, SendCounts};
use receiving::RemoteTrack;
pub use receiving::{ReceiveCounts, StreamEnd};

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number, and what the user said about it.
    pub header: FrameHeader,
    /// What the user said, or the same encrypted.
    pub payload: Box<[u8]>,
}

/// What is to be done, in this order.
#[derive(Debug, PartialEq)]
pub enum TracksOutput {
    /// Send this announcement, JSON text, by way of the server.
    Announce(RemoteId, String),
    /// Open both channels on the present connection. [`DataTracks::opened`] tells when they are.
    Open(RemoteId),
    /// Send this on the control channel.
    Control(RemoteId, String),
    /// Tell [`DataTracks::writable`] how many bytes wait in the frames channel.
    Ask(RemoteId),
    /// There is more to send than the frames channel shall hold. Tell [`DataTracks::writable`] when there is room: at
    /// [`crate::limits::FRAMES_LOW_WATER`], or after [`crate::limits::FRAMES_RECHECK_MS`] where nothing is announced.
    Blocked(RemoteId),
    /// Send this on the frames channel.
    Packet(RemoteId, Vec<u8>),
    /// A remote publishes a track.
    Published {
        /// The publisher.
        remote: RemoteId,
        /// Its number for the track.
        handle: u16,
        /// The track's name.
        name: String,
        /// Whether its frames are encrypted end to end.
        encrypted: bool,
        /// Which of the publisher's lives it is of.
        epoch: String,
    },
    /// A remote's track is not published any more. What became of its frames is told for the last time.
    Unpublished(RemoteId, u16, ReceiveCounts),
    /// A stream that had no frame has one.
    FrameReady(StreamId),
    /// A stream has ended. Frames that were not read are gone.
    StreamEnded(StreamId, StreamEnd),
}

/// All data tracks of one room.
#[derive(Debug)]
pub struct DataTracks {
    epoch: String,
    locals: Vec<LocalTrack>,
    last_handle: u16,
    /// Above every frame number that an encrypted track has used which is not published any more.
    numbers_used: u32,
    /// The handles of encrypted tracks that have used all their numbers.
    used_up: Vec<u16>,
    last_stream: u32,
    remotes: Vec<Remote>,
    out: Queue<TracksOutput>,
}

/// Somebody else in the room.
#[derive(Debug)]
struct Remote {
    id: RemoteId,
    /// We have told that we know data tracks.
    has_announced: bool,
    /// It has told the same.
    is_able: bool,
    /// Which of its lives the tracks are of; empty until it has said so.
    epoch: String,
    tracks: Vec<RemoteTrack>,
    mailboxes: Vec<Mailbox>,
    /// The mailbox whose turn it is.
    turn: usize,
    link: Link,
}

/// The pair of channels on the present connection.
#[derive(Debug)]
struct Link {
    /// We have our ends, open or not.
    has_ends: bool,
    /// They have theirs.
    has_their_ends: bool,
    is_open: bool,
    has_greeted: bool,
    is_greeted: bool,
    /// The longest packet that they take, in bytes.
    max_packet: usize,
    sending: Option<Sending>,
    /// More waits than the frames channel shall hold.
    blocked: bool,
    assembly: Assembly,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            has_ends: false,
            has_their_ends: false,
            is_open: false,
            has_greeted: false,
            is_greeted: false,
            max_packet: MAX_PACKET_BYTES,
            sending: None,
            blocked: false,
            assembly: Assembly::default(),
        }
    }
}

impl Link {
    /// Whether tracks can be spoken of.
    fn is_ready(&self) -> bool {
        self.is_open && self.is_greeted
    }
}

impl DataTracks {
    /// No tracks. `epoch` names this life of ours: another life has another.
    pub fn new(epoch: String) -> Self {
        Self {
            epoch,
            locals: Vec::new(),
            last_handle: 0,
            numbers_used: 0,
            used_up: Vec::new(),
            last_stream: 0,
            remotes: Vec::new(),
            out: Queue::new(),
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<TracksOutput> {
        self.out.pop()
    }

    /// Somebody is in the room.
    pub fn peer_joined(&mut self, remote: RemoteId) {
        let mut remote = Remote {
            id: remote,
            has_announced: false,
            is_able: false,
            epoch: String::new(),
            tracks: Vec::new(),
            mailboxes: Vec::new(),
            turn: 0,
            link: Link::default(),
        };
        if !self.locals.is_empty() {
            remote.announce_once(&mut self.out);
        }
        self.remotes.push(remote);
    }

    /// Somebody has left.
    pub fn peer_left(&mut self, remote: RemoteId) {
        if let Some(at) = self.remotes.iter().position(|other| other.id == remote) {
            self.remotes.remove(at).lose_tracks(StreamEnd::Disconnected, &mut self.out, &|_| true);
        }
    }

    /// An announcement came from a remote.
    pub fn announced<V: Value>(&mut self, remote: RemoteId, announcement: &V) {
        let Self { epoch, locals, remotes, out, .. } = self;
        let Some(remote) = remote_mut(remotes, remote) else { return };
        let Announcement { open } = Announcement::parse(announcement);
        remote.is_able = true;
        remote.link.has_their_ends |= open;
        if !remote.link.has_ends {
            remote.open(out);
        } else if !open {
            // It does not know that we have our ends.
            remote.announce(out);
        }
        if open {
            // Its ends may be newer than our greeting.
            remote.greet(epoch, locals, out);
        }
    }

    /// What was sent to a remote by way of the server may be lost.
    pub fn signals_lost(&mut self, remote: RemoteId) {
        if let Some(remote) = remote_mut(&mut self.remotes, remote).filter(|remote| remote.has_announced) {
            remote.announce(&mut self.out);
        }
    }

    /// The connection to a remote is another one. Subscriptions of both sides are made again on it.
    pub fn connection_replaced(&mut self, remote: RemoteId) {
        let Some(remote) = remote_mut(&mut self.remotes, remote) else { return };
        remote.lose_mailboxes(&mut self.locals);
        remote.link = Link::default();
        for track in &mut remote.tracks {
            track.is_requested = false;
        }
        if remote.is_able {
            remote.open(&mut self.out);
        } else if remote.has_announced {
            remote.announce(&mut self.out);
        }
    }

    /// Both channels to a remote are open.
    pub fn opened(&mut self, remote: RemoteId) {
        let Self { epoch, locals, remotes, out, .. } = self;
        if let Some(remote) = remote_mut(remotes, remote) {
            remote.link.is_open = true;
            if remote.link.has_their_ends {
                remote.greet(epoch, locals, out);
            }
            remote.ask_for_wanted(out);
        }
    }

    /// One of the channels to a remote is closed. Another connection will have others.
    pub fn closed(&mut self, remote: RemoteId) {
        if let Some(remote) = remote_mut(&mut self.remotes, remote) {
            remote.lose_mailboxes(&mut self.locals);
            remote.link.is_open = false;
        }
    }

    /// A message came on the control channel of a remote.
    pub fn handle_control<V: Value>(&mut self, remote: RemoteId, message: &V) {
        let Self { epoch, locals, remotes, out, .. } = self;
        let Some(remote) = remote_mut(remotes, remote) else { return };
        match TrackControl::parse(message) {
            Some(TrackControl::Hello { epoch: theirs, max_packet, handles }) => {
                remote.greeted(theirs, max_packet, &handles, out);
                if !remote.link.has_greeted {
                    remote.greet(epoch, locals, out);
                }
                remote.ask_for_wanted(out);
            }
            _ if !remote.link.is_greeted => {}
            Some(TrackControl::Published { handle, name, encrypted }) => {
                remote.published(handle, name, encrypted, out);
            }
            Some(TrackControl::About(handle, word)) => match word {
                TrackWord::Unpublished => remote.unpublished(handle, out),
                TrackWord::Subscribe => {
                    let is_there = local_mut(locals, handle).is_some();
                    if is_there {
                        match remote.mailbox_mut(handle) {
                            Some(mailbox) => mailbox.is_away = false,
                            None => remote.mailboxes.push(Mailbox::new(handle)),
                        }
                    }
                    let answer = if is_there { TrackWord::Subscribed } else { TrackWord::Refused };
                    remote.tell(&TrackControl::About(handle, answer), out);
                }
                TrackWord::Unsubscribe => remote.stop_sending(handle),
                // Its frames say the same.
                TrackWord::Subscribed => {}
                TrackWord::Refused => remote.refused(handle, out),
            },
            None => {}
        }
    }
}

fn remote_mut(remotes: &mut [Remote], id: RemoteId) -> Option<&mut Remote> {
    remotes.iter_mut().find(|remote| remote.id == id)
}

impl Remote {
    /// Says hello, and what is published.
    fn greet(&mut self, epoch: &str, locals: &[LocalTrack], out: &mut Queue<TracksOutput>) {
        if !self.link.is_open {
            return;
        }
        self.link.has_greeted = true;
        let handles = locals.iter().map(|track| track.handle).collect();
        let hello = TrackControl::Hello { epoch: epoch.to_owned(), max_packet: MAX_PACKET_BYTES, handles };
        self.say(&hello, out);
        for track in locals {
            self.say(&track.announcement(), out);
        }
    }

    fn ask_for_wanted(&mut self, out: &mut Queue<TracksOutput>) {
        while self.link.is_ready()
            && let Some(handle) = self.ask_for_next()
        {
            self.say(&TrackControl::About(handle, TrackWord::Subscribe), out);
        }
    }

    /// Tells the remote something, if it has heard what we publish.
    fn tell(&self, message: &TrackControl, out: &mut Queue<TracksOutput>) {
        if self.link.is_open && self.link.has_greeted {
            self.say(message, out);
        }
    }

    fn announce_once(&mut self, out: &mut Queue<TracksOutput>) {
        if !self.has_announced {
            self.announce(out);
        }
    }

    fn announce(&mut self, out: &mut Queue<TracksOutput>) {
        self.has_announced = true;
        let mut text = String::new();
        Announcement { open: self.link.has_ends }.write_json(&mut text);
        out.push(TracksOutput::Announce(self.id, text));
    }

    fn open(&mut self, out: &mut Queue<TracksOutput>) {
        self.link.has_ends = true;
        out.push(TracksOutput::Open(self.id));
        self.announce(out);
    }

    fn say(&self, message: &TrackControl, out: &mut Queue<TracksOutput>) {
        let mut text = String::new();
        message.write_json(&mut text);
        out.push(TracksOutput::Control(self.id, text));
    }

    fn greeted(&mut self, epoch: String, max_packet: usize, handles: &[u16], out: &mut Queue<TracksOutput>) {
        self.link.has_their_ends = true;
        self.link.max_packet = max_packet;
        let is_same_life = self.epoch == epoch;
        if is_same_life {
            self.keep_tracks(handles, out);
        } else {
            self.lose_tracks(StreamEnd::Disconnected, out, &|_| true);
            self.epoch = epoch;
        }
        if !std::mem::replace(&mut self.link.is_greeted, true) || !is_same_life {
            // What was subscribed to before is subscribed to again after this, if it is still wanted.
            self.mailboxes.clear();
        }
    }
}

/// Whether a frame number is before another. They wrap.
fn is_before(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) < 1 << 31
}
