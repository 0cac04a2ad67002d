//! The application on a `SignallingClient`: it subscribes, publishes and sends.

use metered_core::{Call, SignallingEvent, SignallingState};
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
                    self.watch.backoff.end();
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
                self.watch.connections.connected(kernel, who, connected.is_reconnect);
            }
            SignallingEvent::Disconnected { will_reconnect, .. } => {
                if !will_reconnect {
                    kernel.saw("terminal close");
                }
                self.watch.connections.disconnected(kernel, who);
            }
            SignallingEvent::Message { data, .. } | SignallingEvent::Direct { data, .. } => {
                self.watch.messages.surfaced(kernel, who, &data);
            }
            SignallingEvent::Presence { joined, .. } => {
                self.acquaintances.extend(joined.into_iter().map(|peer| peer.peer_id));
                let surplus = self.acquaintances.len().saturating_sub(8);
                self.acquaintances.drain(..surplus);
            }
            // The answer to a request that had timed out; the watch has seen that it names one.
            SignallingEvent::ServerError { .. } => kernel.saw("server-error"),
            SignallingEvent::GoingAway { .. } => kernel.saw("going-away"),
            SignallingEvent::TokenProviderError { .. } => kernel.saw("token-provider-error"),
        }
    }

    pub(super) fn something_to_do_with_channels(&mut self, out: &mut Outside, may_close: bool) -> Call<Json> {
        self.app.act_with_channels(&mut out.kernel.dice, &self.acquaintances, may_close)
    }
}

#[derive(Clone, Copy)]
enum Next {
    Again,
    Anew,
}
