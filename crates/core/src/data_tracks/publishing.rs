//! The tracks that we publish, and how their frames get to those who subscribed.
//!
//! Each subscriber has a mailbox of one frame per track. A frame that finds the last one still there takes its place, so
//! a slow link loses whole old frames and delays nobody. What is in the mailboxes of a link goes out in turns; a frame
//! once begun is finished.

use std::rc::Rc;

use metered_protocol::{
    ENCRYPTION_BYTES, FrameHeader, MAX_FRAME_BYTES, TrackControl, TrackWord, is_data_track_name,
};

use super::{DataTracks, Frame, Remote, TracksOutput, is_before, remote_mut};
use crate::RemoteId;
use crate::limits::{ENCRYPTING_FRAMES, FRAMES_HIGH_WATER, MAX_DATA_TRACKS};

/// What became of the frames of a track that we publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounts {
    /// Frames that were pushed, whether anybody had subscribed or not.
    pub pushed: u32,
    /// Frames that have left, once for each subscriber.
    pub sent: u32,
    /// Frames that have not left, once for each subscriber: a newer one took their place, or the connection was away.
    pub dropped: u32,
    /// Those who have subscribed now.
    pub subscribers: u32,
}

/// Why a track cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishRefusal {
    /// A name has 1 to 256 characters.
    Name,
    /// A track of ours has this name.
    NameTaken,
    /// We publish [`MAX_DATA_TRACKS`].
    TooMany,
}

/// Why a frame cannot be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushRefusal {
    /// The track is not published any more.
    Unpublished,
    /// Too many frames are being encrypted.
    TooFast,
    /// The payload is longer than [`MAX_FRAME_BYTES`].
    TooLarge,
    /// An encrypted track has used up its frame numbers. Each makes a nonce, and none may be used twice.
    Exhausted,
}

#[derive(Debug)]
pub(super) struct LocalTrack {
    pub(super) handle: u16,
    pub(super) name: String,
    pub(super) encrypted: bool,
    next: u32,
    exhausted: bool,
    encrypting: usize,
    counts: SendCounts,
}

impl LocalTrack {
    pub(super) fn announcement(&self) -> TrackControl {
        TrackControl::Published { handle: self.handle, name: self.name.clone(), encrypted: self.encrypted }
    }
}

/// What one subscriber gets of one track next.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) handle: u16,
    /// The subscription is of a connection that is gone. It has to be made again.
    pub(super) is_away: bool,
    waiting: Option<Rc<Frame>>,
}

impl Mailbox {
    pub(super) fn new(handle: u16) -> Self {
        Self { handle, is_away: false, waiting: None }
    }
}

/// A frame that is on its way out.
#[derive(Debug)]
pub(super) struct Sending {
    frame: Rc<Frame>,
    next: u16,
    count: u16,
}

impl DataTracks {
    /// Publishes a track. Answers its handle.
    pub fn publish(&mut self, name: String, encrypted: bool) -> Result<u16, PublishRefusal> {
        if !is_data_track_name(&name) {
            return Err(PublishRefusal::Name);
        }
        if self.locals.iter().any(|track| track.name == name) {
            return Err(PublishRefusal::NameTaken);
        }
        if self.locals.len() >= MAX_DATA_TRACKS {
            return Err(PublishRefusal::TooMany);
        }
        while {
            self.last_handle = self.last_handle.wrapping_add(1);
            self.local(self.last_handle).is_some() || self.used_up.contains(&self.last_handle)
        } {}
        let handle = self.last_handle;
        let track = LocalTrack {
            handle,
            name,
            encrypted,
            // Its key is that of the handle, and of every track that had the handle before.
            next: if encrypted { self.numbers_used } else { 0 },
            exhausted: false,
            encrypting: 0,
            counts: SendCounts::default(),
        };
        for remote in &mut self.remotes {
            remote.tell(&track.announcement(), &mut self.out);
            remote.announce_once(&mut self.out);
        }
        self.locals.push(track);
        Ok(handle)
    }

    /// Unpublishes a track. Frames that have not left are dropped.
    pub fn unpublish(&mut self, handle: u16) {
        let Some(at) = self.locals.iter().position(|track| track.handle == handle) else { return };
        let track = self.locals.remove(at);
        if track.encrypted {
            self.numbers_used = self.numbers_used.max(track.next);
            if track.exhausted {
                self.used_up.push(handle);
            }
        }
        for remote in &mut self.remotes {
            remote.tell(&TrackControl::About(handle, TrackWord::Unpublished), &mut self.out);
            remote.stop_sending(handle);
        }
    }

    /// Whether a track is published.
    pub fn is_published(&self, handle: u16) -> bool {
        self.local(handle).is_some()
    }

    /// What became of a track's frames.
    pub fn send_counts(&self, handle: u16) -> SendCounts {
        let mut counts = self.local(handle).map(|track| track.counts).unwrap_or_default();
        let mailboxes = self.remotes.iter().flat_map(|remote| &remote.mailboxes);
        counts.subscribers =
            mailboxes.filter(|mailbox| mailbox.handle == handle && !mailbox.is_away).count() as u32;
        counts
    }

    /// Takes the number of the next frame. `None` if nobody has subscribed: there is nothing to do then. Otherwise
    /// [`DataTracks::submit`] follows, or [`DataTracks::abandon`].
    pub fn reserve(&mut self, handle: u16, payload: usize) -> Result<Option<u32>, PushRefusal> {
        let Self { locals, remotes, .. } = self;
        let track = local_mut(locals, handle).ok_or(PushRefusal::Unpublished)?;
        if payload > MAX_FRAME_BYTES {
            return Err(PushRefusal::TooLarge);
        }
        if track.exhausted {
            return Err(PushRefusal::Exhausted);
        }
        if track.encrypting >= ENCRYPTING_FRAMES {
            return Err(PushRefusal::TooFast);
        }
        track.counts.pushed = track.counts.pushed.wrapping_add(1);
        if !remotes.iter().any(|remote| remote.mailbox(handle).is_some()) {
            return Ok(None);
        }
        let number = track.next;
        track.next = number.wrapping_add(1);
        if track.encrypted {
            track.encrypting += 1;
            track.exhausted = track.next == 0;
        }
        Ok(Some(number))
    }

    /// Sends the frame of a number to those who have subscribed.
    pub fn submit(&mut self, header: FrameHeader, payload: &[u8]) {
        self.abandon(header.handle);
        if payload.len() > MAX_FRAME_BYTES + ENCRYPTION_BYTES {
            return;
        }
        let Self { locals, remotes, out, .. } = self;
        let Some(track) = local_mut(locals, header.handle) else { return };
        let frame = Rc::new(Frame { header, payload: payload.into() });
        for remote in remotes {
            let is_ready = remote.link.is_ready();
            let Some(mailbox) = remote.mailbox_mut(header.handle) else { continue };
            let is_late =
                mailbox.waiting.as_ref().is_some_and(|old| is_before(header.number, old.header.number));
            let is_dropped = mailbox.is_away || !is_ready || is_late;
            if is_dropped || mailbox.waiting.replace(frame.clone()).is_some() {
                track.counts.dropped = track.counts.dropped.wrapping_add(1);
            }
            if !is_dropped && !remote.link.blocked {
                out.push(TracksOutput::Ask(remote.id));
            }
        }
    }

    /// A frame that was to be encrypted could not be.
    pub fn abandon(&mut self, handle: u16) {
        if let Some(track) = local_mut(&mut self.locals, handle) {
            track.encrypting = track.encrypting.saturating_sub(1);
        }
    }

    /// The answer to [`TracksOutput::Ask`], and the news that there is room again: so many bytes wait in the frames
    /// channel of a remote.
    pub fn writable(&mut self, remote: RemoteId, mut buffered: usize) {
        let Self { locals, remotes, out, .. } = self;
        let Some(remote) = remote_mut(remotes, remote) else { return };
        remote.link.blocked = false;
        let max_packet = remote.link.max_packet;
        while let Some(sending) = remote.next_frame() {
            if buffered >= FRAMES_HIGH_WATER {
                remote.link.blocked = true;
                out.push(TracksOutput::Blocked(remote.id));
                return;
            }
            let Frame { header, payload } = &*sending.frame;
            let packet = header.packet(payload, sending.next, max_packet);
            buffered += packet.len();
            sending.next += 1;
            let handle = header.handle;
            if sending.next == sending.count {
                remote.link.sending = None;
                if let Some(track) = local_mut(locals, handle) {
                    track.counts.sent = track.counts.sent.wrapping_add(1);
                }
            }
            out.push(TracksOutput::Packet(remote.id, packet));
        }
    }

    fn local(&self, handle: u16) -> Option<&LocalTrack> {
        self.locals.iter().find(|track| track.handle == handle)
    }
}

pub(super) fn local_mut(locals: &mut [LocalTrack], handle: u16) -> Option<&mut LocalTrack> {
    locals.iter_mut().find(|track| track.handle == handle)
}

impl Remote {
    pub(super) fn mailbox_mut(&mut self, handle: u16) -> Option<&mut Mailbox> {
        self.mailboxes.iter_mut().find(|mailbox| mailbox.handle == handle)
    }

    fn mailbox(&self, handle: u16) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.handle == handle)
    }

    /// The connection is gone, and what waited for it. Who subscribed has to do so again.
    pub(super) fn lose_mailboxes(&mut self, locals: &mut [LocalTrack]) {
        let begun = self.link.sending.take().map(|sending| sending.frame);
        let waiting = self.mailboxes.iter_mut().filter_map(|mailbox| {
            mailbox.is_away = true;
            mailbox.waiting.take()
        });
        for frame in waiting.chain(begun) {
            if let Some(track) = local_mut(locals, frame.header.handle) {
                track.counts.dropped = track.counts.dropped.wrapping_add(1);
            }
        }
    }

    /// Nothing of a track is sent any more.
    pub(super) fn stop_sending(&mut self, handle: u16) {
        if let Some(at) = self.mailboxes.iter().position(|mailbox| mailbox.handle == handle) {
            self.mailboxes.remove(at);
        }
        if self.link.sending.as_ref().is_some_and(|sending| sending.frame.header.handle == handle) {
            self.link.sending = None;
        }
    }

    /// The frame that has begun, or else that of the next mailbox whose turn it is.
    fn next_frame(&mut self) -> Option<&mut Sending> {
        if self.link.sending.is_none() {
            let at = (0..self.mailboxes.len())
                .map(|step| (self.turn + step) % self.mailboxes.len())
                .find(|&at| self.mailboxes.get(at).is_some_and(|mailbox| mailbox.waiting.is_some()))?;
            self.turn = at + 1;
            let frame = self.mailboxes.get_mut(at)?.waiting.take()?;
            let count = frame.header.fragments(frame.payload.len(), self.link.max_packet);
            self.link.sending = Some(Sending { frame, next: 0, count });
        }
        self.link.sending.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_whose_numbers_are_used_up_is_not_given_again() {
        let mut tracks = DataTracks::new("ours".into());
        let handle = tracks.publish("a".into(), true).unwrap();
        tracks.locals[0].exhausted = true;
        tracks.unpublish(handle);
        tracks.last_handle = handle.wrapping_sub(1);
        assert_eq!(tracks.publish("b".into(), true), Ok(handle + 1));
    }
}
