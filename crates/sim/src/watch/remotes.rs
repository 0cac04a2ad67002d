//! Remotes come and go in order, and nothing is said about those that are gone, or done to connections that are.

use std::collections::{BTreeMap, BTreeSet};

use metered_core::{ConnectionId, ConnectionState, Instant, RemoteId};
use metered_protocol::PeerId;

use super::Chain;
use crate::kernel::{Kernel, Who};

const RULE: &str = "remotes come and go in order";

/// After so many milliseconds both sides know that they are connected.
const KNOWN_MS: u64 = 1_000;

/// A remote that is there.
#[derive(Debug)]
pub struct Remote {
    /// Its peer id.
    pub peer_id: PeerId,
    /// Its present connection.
    pub connection: ConnectionId,
    /// Since when that is connected.
    connected: Option<Instant>,
    /// Whether the last connection that was closed was connected, and the other side had its end and must have known.
    lost_a_healthy_one: bool,
    announced: bool,
    states: Chain,
}

/// The remotes of one client's life.
#[derive(Debug, Default)]
pub struct Remotes {
    present: BTreeMap<RemoteId, Remote>,
    gone: BTreeSet<RemoteId>,
    connections: BTreeSet<ConnectionId>,
}

impl Remotes {
    /// The core makes a connection, and with its first one the remote.
    pub fn connection_created(
        &mut self,
        kernel: &mut Kernel,
        who: Who,
        remote: RemoteId,
        peer_id: &PeerId,
        connection: ConnectionId,
    ) {
        if self.gone.contains(&remote) || !self.connections.insert(connection) {
            kernel.violated(RULE, format!("{who} uses an id of {peer_id} again"));
        }
        let namesakes = self.present.iter().filter(|(id, other)| **id != remote && other.peer_id == *peer_id);
        if namesakes.count() > 0 {
            kernel.violated(RULE, format!("{who} has {peer_id} twice"));
        }
        match self.present.get_mut(&remote) {
            Some(remote) => {
                if self.connections.contains(&remote.connection) {
                    let what = format!("{who} has two connections to {peer_id}");
                    kernel.violated("no pair keeps two connections", what);
                }
                remote.connection = connection;
            }
            None => {
                let states = Chain::remote();
                let peer_id = peer_id.clone();
                let (connected, lost_a_healthy_one, announced) = (None, false, false);
                let fresh = Remote { peer_id, connection, connected, lost_a_healthy_one, announced, states };
                self.present.insert(remote, fresh);
            }
        }
    }

    /// The core does something to a connection.
    pub fn connection_used(&self, kernel: &mut Kernel, who: Who, connection: ConnectionId) {
        if !self.connections.contains(&connection) {
            kernel.violated(RULE, format!("{who} uses connection {}, which is gone", connection.0));
        }
    }

    /// The core closes a connection, whose other end is there or not.
    pub fn connection_closed(
        &mut self,
        kernel: &mut Kernel,
        who: Who,
        connection: ConnectionId,
        is_whole: bool,
    ) {
        self.connection_used(kernel, who, connection);
        self.connections.remove(&connection);
        if let Some(remote) = self.of(connection) {
            let connected = remote.connected.take();
            remote.lost_a_healthy_one =
                is_whole && connected.is_some_and(|at| kernel.now.since(at) > KNOWN_MS);
        }
    }

    /// A connection has reported its state.
    pub fn connection_is(&mut self, now: Instant, connection: ConnectionId, state: ConnectionState) {
        if let Some(remote) = self.of(connection) {
            remote.connected = (state == ConnectionState::Connected).then_some(now);
        }
    }

    /// `connection-reset`. Answers whether a connection that was connected was thrown away.
    pub fn reset(&mut self, remote: RemoteId) -> bool {
        self.present.get_mut(&remote).is_some_and(|remote| std::mem::take(&mut remote.lost_a_healthy_one))
    }

    /// Since when a connection is connected.
    pub fn connected(&self, remote: &Remote) -> Option<Instant> {
        remote.connected
    }

    fn of(&mut self, connection: ConnectionId) -> Option<&mut Remote> {
        self.present.values_mut().find(|remote| remote.connection == connection)
    }

    /// `peer-joined`
    pub fn joined(&mut self, kernel: &mut Kernel, who: Who, remote: RemoteId) {
        match self.present.get_mut(&remote) {
            Some(remote) if !remote.announced => remote.announced = true,
            _ => kernel.violated(RULE, format!("{who} remote {} joined out of turn", remote.0)),
        }
    }

    /// `peer-left`
    pub fn left(&mut self, kernel: &mut Kernel, who: Who, id: RemoteId) {
        match self.present.remove(&id) {
            Some(remote) if remote.announced && !self.connections.contains(&remote.connection) => {
                remote.states.is_now(kernel, who, "closed");
                self.gone.insert(id);
            }
            _ => kernel.violated(RULE, format!("{who} remote {} left out of turn", id.0)),
        }
    }

    /// The state of a remote changed.
    pub fn changed(
        &mut self,
        kernel: &mut Kernel,
        who: Who,
        remote: RemoteId,
        from: &'static str,
        to: &'static str,
    ) {
        self.told_of(kernel, who, remote);
        if let Some(remote) = self.present.get_mut(&remote) {
            remote.states.changed(kernel, who, from, to);
        }
    }

    /// Something is said about a remote.
    pub fn told_of(&self, kernel: &mut Kernel, who: Who, remote: RemoteId) {
        if !self.present.get(&remote).is_some_and(|remote| remote.announced) {
            kernel.violated(RULE, format!("{who} speaks of remote {}, which is not there", remote.0));
        }
    }

    /// A remote that is there.
    pub fn get(&self, remote: RemoteId) -> Option<&Remote> {
        self.present.get(&remote)
    }

    /// The remotes that are there.
    pub fn iter(&self) -> impl Iterator<Item = (RemoteId, &Remote)> {
        self.present.iter().map(|(id, remote)| (*id, remote))
    }
}
