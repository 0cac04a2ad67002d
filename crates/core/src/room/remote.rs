//! One remote peer: its state, its present connection and that connection's negotiation.

use crate::Outbox;
use crate::ids::{ConnectionId, RemoteId};
use crate::input::ConnectionState;
use crate::negotiation::Negotiation;
use crate::output::{Event, RemoteEvent, RemoteState};

#[derive(Debug)]
pub(crate) struct Remote<V> {
    pub(crate) id: RemoteId,
    pub(crate) connection: ConnectionId,
    pub(crate) metadata: Option<V>,
    pub(crate) negotiation: Negotiation<V>,
    state: RemoteState,
}

impl<V> Remote<V> {
    pub(super) fn new(id: RemoteId, connection: ConnectionId, polite: bool, metadata: Option<V>) -> Self {
        Self { id, connection, metadata, negotiation: Negotiation::new(polite), state: RemoteState::Idle }
    }

    pub(crate) fn state(&self) -> RemoteState {
        self.state
    }

    /// Starts over with a new connection.
    pub(super) fn renew(&mut self, connection: ConnectionId, polite: bool) {
        self.connection = connection;
        self.negotiation = Negotiation::new(polite);
    }

    /// Follows the connection. A connection that comes back, itself or by its successor, is `reconnecting`
    /// until it is connected: the application does not see `connecting` a second time.
    pub(super) fn connection_state(&mut self, state: ConnectionState, out: &mut Outbox<V>) {
        let to = match state {
            ConnectionState::New => return,
            ConnectionState::Connecting if self.state == RemoteState::Idle => RemoteState::Connecting,
            ConnectionState::Connecting => return,
            ConnectionState::Connected => RemoteState::Connected,
            ConnectionState::Disconnected | ConnectionState::Failed | ConnectionState::Closed => {
                RemoteState::Reconnecting
            }
        };
        self.transition(to, out);
    }

    pub(super) fn transition(&mut self, to: RemoteState, out: &mut Outbox<V>) {
        if self.state != to {
            let from = std::mem::replace(&mut self.state, to);
            out.event(Event::Remote(self.id, RemoteEvent::StateChange { from, to }));
        }
    }
}
