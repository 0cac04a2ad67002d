//! When a channel's subscribers are told who joined and who left.
//!
//! The first change after a quiet moment is told at once. Those that follow within a tick
//! ([`Limits::presence_tick_ms`](crate::Limits::presence_tick_ms)) are told together at its end, in one frame: a crowd
//! that joins at once costs each member a few frames instead of one per head. A snapshot is complete at any time, so
//! whoever got one is told only what has changed since.
//!
//! A peer that leaves and comes back within a tick has not stood still: others have to hear of both. A change
//! that undoes one which has not been told yet has that one told first. And no message overtakes the news of its sender.

use std::collections::BTreeMap;
use std::sync::Arc;

use metered_protocol::{Channel, PeerId, PresencePeer, RawJson, ServerFrame};

use super::ring::Kept;
use super::{ConnId, Hub, UnixMillis};

/// A peer has come to a channel or left it.
#[derive(Debug)]
pub(super) enum Change {
    Joined(PresencePeer<RawJson>),
    Left(PresencePeer<RawJson>),
}

impl Change {
    pub(super) fn peer(&self) -> &PresencePeer<RawJson> {
        match self {
            Self::Joined(peer) | Self::Left(peer) => peer,
        }
    }
}

impl Hub {
    /// Tells a change of a channel's presence to all but the connection that caused it, now or at the end of the tick.
    pub(super) fn announce(&mut self, conn: Option<ConnId>, channel: &Channel, change: Change) {
        let now = self.now;
        if self.rooms.get(channel).is_none_or(|room| !room.has_subscribers()) {
            return;
        }
        if self.rooms.get(channel).is_some_and(|room| room.has_untold(&change.peer().peer_id)) {
            self.tell(channel);
        }
        let Some(room) = self.rooms.get_mut(channel) else { return };
        let due = room.change(now, conn, change, self.limits.presence_tick_ms);
        if due <= now {
            self.tell(channel);
        } else {
            self.untold.insert((due, channel.clone()));
        }
    }

    /// Tells what is due, and what no tick is long enough for: then the clock has stepped back.
    pub(super) fn tell_overdue(&mut self) {
        let now = self.now;
        let latest = now.0.saturating_add(self.limits.presence_tick_ms);
        let is_due = |at: UnixMillis| at <= now || at.0 > latest;
        while let Some((_, channel)) = self.untold.first().filter(|(at, _)| is_due(*at)).cloned() {
            self.tell(&channel);
        }
    }

    /// When something has to be told.
    pub(super) fn next_telling(&self) -> Option<UnixMillis> {
        self.untold.first().map(|(at, _)| *at)
    }

    /// Nobody is there to be told anything.
    pub(super) fn forget_room(&mut self, channel: &Channel) {
        if let Some(due) = self.rooms.remove(channel).and_then(|room| room.due()) {
            self.untold.remove(&(due, channel.clone()));
        }
    }

    /// Tells every subscriber of a channel what it has not heard. Those who have heard the same share a frame.
    pub(super) fn tell(&mut self, channel: &Channel) {
        let Some(room) = self.rooms.get_mut(channel) else { return };
        if let Some(due) = room.due() {
            self.untold.remove(&(due, channel.clone()));
        }
        let changes = room.take_untold();
        let mut frames: BTreeMap<usize, Arc<Kept>> = BTreeMap::new();
        for (conn, subscriber) in room.subscribers_mut() {
            let heard = std::mem::take(&mut subscriber.heard);
            let Some(news) = changes.get(heard..).filter(|news| !news.is_empty()) else { continue };
            let Some(connection) = self.connections.get_mut(&conn).filter(|_| subscriber.sees_presence)
            else {
                continue;
            };
            let kept =
                frames.entry(heard).or_insert_with(|| Kept::encode(&presence(channel, news), &self.meter));
            self.outputs.extend(connection.deliver(conn, kept, &self.limits));
        }
        if !frames.is_empty() {
            room.told(self.now);
        }
    }

    /// Tells what is not told yet of a peer that is about to be heard: clients take a message of somebody they do not
    /// know for one of nobody.
    pub(super) fn introduce(&mut self, peer: &PeerId) {
        let rooms = self.untold.iter().map(|(_, channel)| channel);
        let concerned =
            rooms.filter(|channel| self.rooms.get(*channel).is_some_and(|room| room.has_untold(peer)));
        for channel in concerned.cloned().collect::<Vec<_>>() {
            self.tell(&channel);
        }
    }
}

fn presence(channel: &Channel, changes: &[Change]) -> ServerFrame<RawJson> {
    let (mut joined, mut left) = (Vec::new(), Vec::new());
    for change in changes {
        match change {
            Change::Joined(peer) => joined.push(peer.clone()),
            Change::Left(peer) => left.push(peer.clone()),
        }
    }
    ServerFrame::Presence { channel: channel.clone(), joined, left }
}
