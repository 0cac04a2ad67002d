//! The application on a `SignallingClient`: it subscribes, publishes and sends.

use metered_core::{Call, SignallingEvent, SignallingState};
use metered_protocol::ServerFrame;
use serde_json::Value as Json;

use super::{Client, Outside};
use crate::kernel::Event;

impl Client {
    pub(super) fn signalling_event(&mut self, out: &mut Outside, event: SignallingEvent<Json>) {
        let (who, kernel) = (self.who, &mut out.kernel);
        match event {
            SignallingEvent::StateChange { from, to } => {
                self.watch.state.changed(kernel, who, from.as_str(), to.as_str());
                if to == SignallingState::Closed {
                    // From inside a handler, `connect()` may have been called again before this is told.
                    if self.is_closed() {
                        self.watch.backoff.end();
                    }
                    // A `connect()` that was rejected is called again for that. Who was connected before goes on
                    // with the same client or makes a new one.
                    if from != SignallingState::Connecting {
                        let next = *kernel.dice.pick(&[Next::Again, Next::Anew]);
                        let event = match next {
                            Next::Again => Event::Rejoin(who),
                            Next::Anew => Event::Start(who.client),
                        };
                        kernel.soon((300, 5_000), event);
                    }
                }
            }
            SignallingEvent::Connected(connected) => {
                let (peer, resumed) = (connected.welcome.peer_id.as_str(), connected.welcome.resumed);
                self.watch.connections.connected(kernel, who, peer, connected.is_reconnect, resumed);
            }
            SignallingEvent::Disconnected { will_reconnect, .. } => {
                if !will_reconnect {
                    kernel.saw("terminal close");
                }
                if self.watch.connections.disconnected(kernel, who, will_reconnect) {
                    self.watch.backoff.told(kernel, who, will_reconnect);
                }
            }
            SignallingEvent::Message { message, .. } => {
                self.watch.messages.surfaced(kernel, who, &message.data);
                self.surfaced.push(message.data);
            }
            SignallingEvent::Presence { channel, frame, .. } => {
                let Ok(ServerFrame::Presence { joined, left, .. }) = ServerFrame::parse(&frame) else {
                    return;
                };
                self.watch.presence.changed(&channel, &joined, &left);
                self.acquaintances.extend(joined.into_iter().map(|peer| peer.peer_id));
                let surplus = self.acquaintances.len().saturating_sub(8);
                self.acquaintances.drain(..surplus);
            }
            // The answer to a request that had timed out; the watch has seen that it names one.
            SignallingEvent::ServerError(_) => kernel.saw("server-error"),
            SignallingEvent::GoingAway { .. } => kernel.saw("going-away"),
            SignallingEvent::TokenProviderError { .. } => kernel.saw("token-provider-error"),
        }
    }

    pub(super) fn something_to_do_with_channels(&mut self, out: &mut Outside, may_close: bool) -> Call<Json> {
        self.app.act_with_channels(&mut out.kernel.dice, &self.acquaintances, may_close)
    }

    /// The application subscribes and unsubscribes in one breath.
    pub(super) fn waver(&mut self, out: &mut Outside) {
        for call in self.app.waver(&mut out.kernel.dice) {
            self.call(out, call);
        }
    }
}

#[derive(Clone, Copy)]
enum Next {
    Again,
    Anew,
}
