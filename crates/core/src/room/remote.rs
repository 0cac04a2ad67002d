//! One remote peer: its state, its present connection and that connection's negotiation.

use metered_protocol::PeerId;

use crate::ids::{ConnectionId, RemoteId};
use crate::input::ConnectionState;
use crate::limits::FAILED_CONNECTIONS;
use crate::negotiation::Negotiation;
use crate::output::{Event, RemoteEvent, RemoteState};
use crate::{Instant, Outbox};

#[derive(Debug)]
pub(crate) struct Remote<V> {
    pub(crate) id: RemoteId,
    pub(crate) peer_id: PeerId,
    pub(crate) connection: ConnectionId,
    pub(crate) metadata: Option<V>,
    pub(crate) negotiation: Negotiation<V>,
    /// When the answer to our offer is overdue.
    pub(super) answer_due: Option<Instant>,
    state: RemoteState,
    /// Connections in a row that failed.
    failures: u32,
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
            answer_due: None,
            state: RemoteState::Idle,
            failures: 0,
        }
    }

    pub(crate) fn state(&self) -> RemoteState {
        self.state
    }

    /// Starts over with a new connection.
    pub(super) fn renew(&mut self, connection: ConnectionId, polite: bool) {
        self.connection = connection;
        self.answer_due = None;
        self.negotiation = Negotiation::new(polite);
    }

    /// Follows the connection. A connection that comes back, itself or by its successor, is `reconnecting`
    /// until it is connected: the application does not see `connecting` a second time.
    ///
    /// Answers whether the connection is to be replaced, because it failed. Where no path leads to the remote
    /// every connection fails; there we wait, in the end, for the remote to move.
    pub(super) fn connection_state(&mut self, state: ConnectionState, out: &mut Outbox<V>) -> bool {
        let to = match state {
            ConnectionState::New => return false,
            ConnectionState::Connecting if self.state == RemoteState::Idle => RemoteState::Connecting,
            ConnectionState::Connecting => return false,
            ConnectionState::Connected => RemoteState::Connected,
            ConnectionState::Disconnected | ConnectionState::Failed | ConnectionState::Closed => {
                RemoteState::Reconnecting
            }
        };
        match state {
            ConnectionState::Connected => self.failures = 0,
            ConnectionState::Failed => self.failures += 1,
            _ => {}
        }
        self.transition(to, out);
        state == ConnectionState::Failed && self.failures <= FAILED_CONNECTIONS
    }

    pub(super) fn transition(&mut self, to: RemoteState, out: &mut Outbox<V>) {
        if self.state != to {
            let from = std::mem::replace(&mut self.state, to);
            out.event(Event::Remote(self.id, RemoteEvent::StateChange { from, to }));
        }
    }
}
