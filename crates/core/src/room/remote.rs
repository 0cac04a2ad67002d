//! One remote peer: its state, its present connection and that connection's negotiation.

use metered_protocol::PeerId;

use super::actor::Actor;
use super::ladder::Ladder;
use crate::ids::{ConnectionId, RemoteId};
use crate::input::ConnectionState;
use crate::negotiation::Negotiation;
use crate::output::{Event, RemoteEvent, RemoteState};
use crate::signalling::Signalling;
use crate::{Instant, Outbox};

#[derive(Debug)]
pub(crate) struct Remote<V> {
    pub(crate) id: RemoteId,
    pub(crate) peer_id: PeerId,
    pub(crate) connection: ConnectionId,
    pub(crate) metadata: Option<V>,
    pub(crate) negotiation: Negotiation,
    /// When the answer to our offer is overdue, or our first candidate, for which an offer of theirs waits.
    pub(super) answer_due: Instant,
    /// Attempts to bring a failed connection back.
    pub(super) ladder: Ladder,
    /// Until when it may be missing from the roster of a server that has just come back; [`Instant::NEVER`] if it is not.
    pub(super) missing_until: Instant,
    state: RemoteState,
    has_connected: bool,
}

impl<V> Remote<V> {
    pub(super) fn new(
        id: RemoteId,
        peer_id: PeerId,
        connection: ConnectionId,
        polite: bool,
        metadata: Option<V>,
    ) -> Self {
        Self {
            id,
            peer_id,
            connection,
            metadata,
            negotiation: Negotiation::new(polite),
            answer_due: Instant::NEVER,
            ladder: Ladder::default(),
            missing_until: Instant::NEVER,
            state: RemoteState::Idle,
            has_connected: false,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        self.missing_until != Instant::NEVER
    }

    pub(crate) fn state(&self) -> RemoteState {
        self.state
    }

    /// Whether its connection has been connected: if it is not now, it can be restarted.
    pub(super) fn has_connected(&self) -> bool {
        self.has_connected
    }

    /// The negotiation and what it acts on.
    pub(super) fn negotiation<'a>(
        &'a mut self,
        now: Instant,
        last_id: &'a mut u32,
        link: &'a mut Signalling<V>,
    ) -> (&'a mut Negotiation, Actor<'a, V>) {
        let actor = Actor {
            now,
            last_id,
            remote: self.id,
            peer_id: &self.peer_id,
            connection: self.connection,
            state: self.state,
            answer_due: &mut self.answer_due,
            ladder: &mut self.ladder,
            link,
        };
        (&mut self.negotiation, actor)
    }

    /// Starts over with a new connection.
    pub(super) fn renew(&mut self, connection: ConnectionId, polite: bool) {
        self.connection = connection;
        self.answer_due = Instant::NEVER;
        self.ladder = Ladder::default();
        self.has_connected = false;
        self.negotiation = Negotiation::new(polite);
    }

    /// Follows the connection. A connection that comes back, itself or by its successor, is `reconnecting`
    /// until it is connected: the application does not see `connecting` a second time.
    pub(super) fn connection_state(&mut self, now: Instant, state: ConnectionState, out: &mut Outbox<V>) {
        match state {
            ConnectionState::New => {}
            ConnectionState::Connecting => {
                if self.state == RemoteState::Idle {
                    self.transition(RemoteState::Connecting, out);
                }
            }
            ConnectionState::Connected => {
                self.has_connected = true;
                self.ladder.recovered();
                self.negotiation.connected();
                self.transition(RemoteState::Connected, out);
            }
            ConnectionState::Disconnected => self.transition(RemoteState::Reconnecting, out),
            ConnectionState::Closed => self.ladder.closed(now),
            ConnectionState::Failed => {
                self.ladder.failed(now);
                self.transition(RemoteState::Reconnecting, out);
            }
        }
    }

    pub(super) fn transition(&mut self, to: RemoteState, out: &mut Outbox<V>) {
        if self.state != to {
            let from = std::mem::replace(&mut self.state, to);
            out.event(Event::Remote(self.id, RemoteEvent::StateChange { from, to }));
        }
    }
}
