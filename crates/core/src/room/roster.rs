//! Presence as remote peers: who comes, who goes, and who gets a new connection.

use std::rc::Rc;

use metered_protocol::{PeerId, PresencePeer, Value};

use super::{Presence, Remote, Room};
use crate::Instant;
use crate::ids::{ConnectionId, RemoteId};
use crate::limits::MAX_PEERS_PER_CHANNEL;
use crate::output::{Command, Event, Level, RemoteEvent, RemoteState, RoomEvent, RoomState};
use crate::signalling::Signalling;

impl<V: Value> Room<V> {
    pub(super) fn handle_presence(
        &mut self,
        now: Instant,
        (joined, left): Presence<V>,
        link: &mut Signalling<V>,
    ) {
        if !matches!(self.state, RoomState::Joined | RoomState::Reconnecting) {
            return;
        }
        let is_snapshot = std::mem::take(&mut self.snapshot_due);
        let patience = self.snapshot.take().map_or(Instant::NEVER, |snapshot| snapshot.patience);
        if is_snapshot {
            // Whoever left goes first: an id that came back to somebody else must not meet its old holder.
            let mut at = 0;
            while let Some(remote) = self.remotes.get_mut(at) {
                let is_present = joined.iter().any(|peer| peer.peer_id == remote.peer_id);
                let may_be_missing = !is_present && remote.has_connected() && patience > now;
                remote.missing_until = if may_be_missing { patience } else { Instant::NEVER };
                if is_present || remote.is_missing() {
                    at += 1;
                } else {
                    self.remove(at, link);
                }
            }
        }
        let reconcile = is_snapshot && self.state == RoomState::Reconnecting;
        for peer in joined {
            match self.find(&peer.peer_id) {
                Ok(at) => {
                    let Some(remote) = self.remotes.get_mut(at) else { continue };
                    remote.metadata = peer.metadata;
                    let was_missing = remote.is_missing();
                    remote.missing_until = Instant::NEVER;
                    if !(reconcile || was_missing) {
                        continue;
                    }
                    if remote.has_connected() && (patience != Instant::NEVER || was_missing) {
                        link.out.event(Event::Remote(remote.id, RemoteEvent::SignalsLost));
                        self.signals_lost(now, at, link);
                    } else {
                        self.replace(at, link);
                    }
                }
                Err(at) => self.add(at, peer, link),
            }
        }
        for peer in left {
            if let Ok(at) = self.find(&peer.peer_id) {
                self.remove(at, link);
            }
        }
        if self.state == RoomState::Reconnecting {
            self.reconciled(now, link);
        }
        for (from, signal) in std::mem::take(&mut self.early).into_signals() {
            self.handle_signal(now, from, signal, link);
        }
    }

    /// Where a remote is among the others, or would be.
    pub(super) fn find(&self, peer_id: &PeerId) -> Result<usize, usize> {
        self.remotes.binary_search_by(|remote| remote.peer_id.cmp(peer_id))
    }

    fn add(&mut self, at: usize, peer: PresencePeer<V>, link: &mut Signalling<V>) {
        let Some(local_id) = &self.local_id else { return };
        if peer.peer_id == *local_id {
            return;
        }
        if self.remotes.len() >= MAX_PEERS_PER_CHANNEL {
            link.out.log(Level::Warn, "the room is full");
            return;
        }
        let polite = *local_id < peer.peer_id;
        let id = RemoteId::next(&mut self.last_id);
        let connection = ConnectionId::next(&mut self.last_id);
        let remote = Remote::new(id, peer.peer_id, connection, polite, peer.metadata);
        self.remotes.insert(at, Box::new(remote));
        self.create_connection(at, link);
        link.out.event(Event::Room(RoomEvent::PeerJoined(id)));
    }

    pub(super) fn remove(&mut self, at: usize, link: &mut Signalling<V>) {
        let mut remote = self.remotes.remove(at);
        link.forget_signals(&remote.peer_id);
        link.out.command(Command::CloseConnection(remote.connection));
        remote.transition(RemoteState::Closed, &mut link.out);
        link.out.event(Event::Room(RoomEvent::PeerLeft(remote.id, remote.metadata)));
    }

    pub(super) fn remove_all(&mut self, link: &mut Signalling<V>) {
        while let Some(last) = self.remotes.len().checked_sub(1) {
            self.remove(last, link);
        }
        self.early.clear();
    }

    /// Gives a remote a new connection.
    pub(super) fn replace(&mut self, at: usize, link: &mut Signalling<V>) {
        let Some(remote) = self.remotes.get_mut(at) else { return };
        let polite = self.local_id.as_ref().is_some_and(|local_id| *local_id < remote.peer_id);
        link.forget_signals(&remote.peer_id);
        link.out.command(Command::CloseConnection(remote.connection));
        remote.renew(ConnectionId::next(&mut self.last_id), polite);
        if matches!(remote.state(), RemoteState::Connecting | RemoteState::Connected) {
            remote.transition(RemoteState::Reconnecting, &mut link.out);
        }
        let id = remote.id;
        self.create_connection(at, link);
        link.out.event(Event::Remote(id, RemoteEvent::ConnectionReset));
    }

    fn create_connection(&self, at: usize, link: &mut Signalling<V>) {
        if let Some(remote) = self.remotes.get(at) {
            link.out.command(Command::CreateConnection {
                connection: remote.connection,
                remote: remote.id,
                peer_id: remote.peer_id.clone(),
                ice_servers: Rc::clone(&self.ice_servers),
            });
        }
    }
}
