//! Sessions: what survives a socket that broke.
//!
//! A **session** is a connection that may change its socket. When a socket ends without a goodbye, its session stays
//! for a while, *detached*: nobody sees its peer leave, and what it would have been sent is kept in its
//! [`Ring`]. Whoever comes back with the session's token gets it on another socket, and first of
//! all what it has missed. That socket may come while the old one still seems alive, since a server is often the last to
//! learn of a broken socket; then the old one is closed.
//!
//! A session bears the name of its latest socket's connection, so reports about earlier ones find nobody.

use std::collections::BTreeSet;

use metered_protocol::{Channel, CloseCode, PeerId, Secret, ServerFrame};

use super::cluster::{Body, Peer};
use super::connection::Connection;
use super::ring::Ring;
use super::{ConnId, Hub, Output, UnixMillis};
use crate::limits::exceeds;
use crate::{Action, Identity};

/// A session's name: random, so that nobody meets it twice, after a restart neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u128);

/// What brings a session back.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The session.
    pub session: SessionId,
    /// What its client presents to get it back. Only the driver understands it.
    pub token: Secret,
}

/// A session that somebody wants back and has a right to: the driver has checked the token.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The session, and the token to present the next time.
    pub ticket: Ticket,
    /// How many `message`, `direct` and `presence` frames the client has received since the session began. `None`
    /// from a client that does not count them: it is taken to have received what was handed to its socket.
    pub seen: Option<u64>,
}

/// Somebody who has opened a socket and whose credential was accepted.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who it is.
    pub identity: Identity,
    /// For the session that begins, unless the claim is good. Without one nothing of it will be kept.
    pub ticket: Option<Ticket>,
    /// The session that it would rather have back.
    pub claim: Option<Claim>,
}

impl From<Identity> for Arrival {
    /// Somebody whose session is not to be resumed.
    fn from(identity: Identity) -> Self {
        Self { identity, ticket: None, claim: None }
    }
}

/// What a connection has that can be resumed.
#[derive(Debug)]
pub(super) struct Session {
    id: SessionId,
    pub(super) ring: Ring,
    /// How many frames were numbered before the first that the present socket got.
    before: u64,
    pub(super) detached: Option<Detached>,
}

/// A session without a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detached {
    /// When it ends.
    until: UnixMillis,
    /// How many frames were numbered while it had a socket.
    handed: u64,
}

impl Session {
    fn new(id: SessionId) -> Self {
        Self { id, ring: Ring::default(), before: 0, detached: None }
    }

    /// How many frames the client has received, by its own account or else by ours.
    fn received(&self, seen: Option<u64>) -> u64 {
        let handed = self.detached.map_or(self.ring.numbered(), |detached| detached.handed);
        seen.unwrap_or(handed)
    }

    /// The client has read so many frames of the present socket.
    pub(super) fn has_read(&mut self, frames: u64) {
        self.ring.forget(self.before.saturating_add(frames));
    }
}

/// Whether nothing is kept of a session whose socket closes with this code, whoever closes it: one says goodbye, or
/// the server turns the client away, or frames were dropped that can not be sent again.
pub(super) fn is_final(code: CloseCode) -> bool {
    matches!(
        code,
        CloseCode::NORMAL
            | CloseCode::GOING_AWAY
            | CloseCode::POLICY_VIOLATION
            | CloseCode::MESSAGE_TOO_BIG
            | CloseCode::INVALID_TOKEN
            | CloseCode::CHANNEL_NOT_AUTHORIZED
            | CloseCode::ACCOUNT_SUSPENDED
            | CloseCode::ADMIN_DISCONNECT
    )
}

impl Hub {
    /// Lets a connection begin, as a session where there are any.
    pub(super) fn begin(&mut self, now: UnixMillis, conn: ConnId, arrival: Arrival) {
        let Arrival { identity, ticket, claim } = arrival;
        let ticket = ticket.filter(|_| self.limits.resume_grace_ms > 0);
        let (peer, session) = (identity.peer_id.clone(), claim.map(|claim| claim.ticket.session));
        self.welcome(now, conn, &identity, ticket.as_ref(), false);
        let mut connection = Connection::new(now, identity, &self.limits);
        connection.session = ticket.map(|ticket| Session::new(ticket.session));
        self.insert(conn, connection);
        if self.peers.get(&peer).is_some_and(|connections| connections.len() == 1) {
            self.tell_nodes(|| Body::Came(Peer(peer.clone())));
        }
        if let (Some(cluster), Some(SessionId(session))) = (&mut self.cluster, session) {
            cluster.tell_those_with(&peer.clone(), &Body::Claimed { session, peer });
        }
    }

    /// Gives the claimed session to this socket, if there is one that can go on from where its client is. One that
    /// cannot go on can never be had back.
    pub(super) fn resume(&mut self, now: UnixMillis, conn: ConnId, arrival: &Arrival) -> bool {
        let Arrival { identity, claim: Some(claim), .. } = arrival else { return false };
        let Some(old) = self.sessions.get(&claim.ticket.session).copied() else { return false };
        let Some(connection) = self.connections.get(&old) else { return false };
        let Some(session) = &connection.session else { return false };
        if connection.identity.peer_id != identity.peer_id {
            return false;
        }
        let received = session.received(claim.seen);
        if !session.ring.reaches_back_to(received) {
            self.supersede(now, claim.ticket.session, &identity.peer_id);
            return false;
        }
        self.close_superseded(old);
        self.move_session(now, (old, conn), identity, &claim.ticket, received);
        true
    }

    /// The client of a session has begun another, here or at another node. What is left of this one stays in its channels
    /// for a while: the client is about to subscribe again, and nobody shall see its peer go and come.
    pub(super) fn supersede(&mut self, now: UnixMillis, session: SessionId, peer: &PeerId) {
        let Some(conn) = self.sessions.get(&session).copied() else { return };
        if self.connections.get(&conn).is_some_and(|connection| connection.identity.peer_id == *peer) {
            self.close_superseded(conn);
            self.sessions.remove(&session);
            self.detach(now, conn);
        }
    }

    fn close_superseded(&mut self, conn: ConnId) {
        if self.connections.get(&conn).is_some_and(Connection::is_attached) {
            let (code, reason) = (CloseCode::NORMAL, "the session has another socket");
            self.outputs.push_back(Output::Close { conn, code, reason });
        }
    }

    fn move_session(
        &mut self,
        now: UnixMillis,
        (old, conn): (ConnId, ConnId),
        identity: &Identity,
        ticket: &Ticket,
        received: u64,
    ) {
        let Some(mut connection) = self.remove(old) else { return };
        for channel in &connection.channels {
            if let Some(room) = self.rooms.get_mut(channel) {
                room.rename(old, conn);
            }
        }
        let before = std::mem::replace(&mut connection.identity, identity.clone());
        let could_see = before.grants.permit(Action::Presence);
        let may_see = identity.grants.permit(Action::Presence);
        let may_subscribe = identity.grants.permit(Action::Subscribe);
        let (kept, lost) = std::mem::take(&mut connection.channels)
            .into_iter()
            .partition::<BTreeSet<_>, _>(|channel| may_subscribe && identity.grants.reach(channel));
        connection.channels.clone_from(&kept);
        self.welcome(now, conn, identity, Some(ticket), true);
        if let Some(session) = &mut connection.session {
            session.detached = None;
            session.before = received;
            session.ring.forget(received);
            session.ring.retain(|kept| {
                let is_lost = kept.channel.as_ref().is_some_and(|channel| lost.contains(channel));
                !is_lost && (may_see || !could_see || !kept.is_presence)
            });
            let missed = session.ring.frames().cloned();
            self.outputs.extend(missed.map(|frame| Output::Send { conn, frame }));
        }
        self.insert(conn, connection);
        for channel in &lost {
            self.leave(conn, channel);
        }
        for channel in kept.iter().filter(|_| could_see != may_see) {
            self.show_presence(conn, channel, may_see);
        }
    }

    /// Lets a subscriber see who is in a channel, or no longer.
    fn show_presence(&mut self, conn: ConnId, channel: &Channel, may_see: bool) {
        let joined = self.rooms.get_mut(channel).and_then(|room| room.show(conn, may_see));
        if let Some(joined) = joined {
            self.deliver(conn, &ServerFrame::Presence { channel: channel.clone(), joined, left: Vec::new() });
        }
    }

    /// A socket is gone whose session stays for a while.
    pub(super) fn detach(&mut self, now: UnixMillis, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(session) = &mut connection.session else { return self.end(conn) };
        if session.detached.is_some() {
            return;
        }
        let until = UnixMillis(now.0.saturating_add(self.limits.resume_grace_ms));
        session.detached = Some(Detached { until, handed: session.ring.numbered() });
        if let Some(at) = connection.expiry.take() {
            self.expiries.remove(&(at, conn));
        }
        self.detached.insert((until, conn));
        if exceeds(self.limits.detached_sessions as usize, self.detached.len())
            && let Some((_, first)) = self.detached.first().copied()
        {
            self.end(first);
        }
    }

    /// Ends the sessions for which nobody has come in time.
    pub(super) fn end_overdue(&mut self, now: UnixMillis) {
        while let Some((_, conn)) = self.detached.first().copied().filter(|(at, _)| *at <= now) {
            self.end(conn);
        }
    }

    /// A connection is over and does not come back, so nothing waits for its peer either: what is left of sessions
    /// that could not go on ends with it.
    pub(super) fn say_goodbye(&mut self, conn: ConnId) {
        let Some(peer) = self.connections.get(&conn).map(|connection| connection.identity.peer_id.clone())
        else {
            return;
        };
        self.end(conn);
        self.end_left_overs(&peer);
        if let Some(cluster) = &mut self.cluster {
            cluster.tell_those_with(&peer.clone(), &Body::Goodbye(Peer(peer)));
        }
    }

    /// Ends what is left of a peer's sessions that could not go on.
    pub(super) fn end_left_overs(&mut self, peer: &PeerId) {
        let others = self.peers.get(peer).into_iter().flatten().copied();
        for left_over in others.filter(|conn| self.is_left_over(*conn)).collect::<Vec<_>>() {
            self.end(left_over);
        }
    }

    fn is_left_over(&self, conn: ConnId) -> bool {
        let session = self.connections.get(&conn).and_then(|connection| connection.session.as_ref());
        session.is_some_and(|session| self.sessions.get(&session.id) != Some(&conn))
    }

    /// A connection, or the session that is left of it, is over.
    pub(super) fn end(&mut self, conn: ConnId) {
        let Some(connection) = self.remove(conn) else { return };
        for channel in &connection.channels {
            self.leave(conn, channel);
        }
        let peer = connection.identity.peer_id;
        if !self.peers.contains_key(&peer) {
            self.tell_nodes(|| Body::Gone(Peer(peer)));
        }
    }

    /// Adds a connection to all lists but the rooms'.
    fn insert(&mut self, conn: ConnId, mut connection: Connection) {
        let identity = &connection.identity;
        let ms = |seconds: u64| seconds.saturating_mul(1000).saturating_sub(Self::EXPIRY_MARGIN_MS);
        connection.expiry = identity.expires_at.map(|seconds| UnixMillis(ms(seconds)));
        self.expiries.extend(connection.expiry.map(|at| (at, conn)));
        self.peers.entry(identity.peer_id.clone()).or_default().insert(conn);
        self.sessions.extend(connection.session.as_ref().map(|session| (session.id, conn)));
        self.connections.insert(conn, connection);
    }

    /// Removes a connection from all lists but the rooms'.
    fn remove(&mut self, conn: ConnId) -> Option<Connection> {
        let connection = self.connections.remove(&conn)?;
        if let Some(at) = connection.expiry {
            self.expiries.remove(&(at, conn));
        }
        let peer = &connection.identity.peer_id;
        if let Some(connections) = self.peers.get_mut(peer) {
            connections.remove(&conn);
            if connections.is_empty() {
                self.peers.remove(peer);
            }
        }
        if let Some(session) = &connection.session {
            self.sessions.remove(&session.id);
            if let Some(Detached { until, .. }) = session.detached {
                self.detached.remove(&(until, conn));
            }
        }
        Some(connection)
    }
}
