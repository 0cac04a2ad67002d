//! The application on a `MeteredPeer`: it opens data channels to everybody and talks to the room.

use metered_core::{Call, RemoteEvent, RemoteId, RoomError, RoomEvent, RoomState};
use metered_protocol::PeerId;
use serde_json::Value as Json;

use super::{Client, Outside};
use crate::app::App;
use crate::kernel::Event;
use crate::plan::Opener;
use crate::webrtc::PcId;

/// What an application sends over one connection at most: with some hundreds of sections, a description is longer than
/// servers take.
const TRACKS: usize = 100;

const PERFECT: &str = "nothing fails where nothing goes wrong";
const HEALTHY: &str = "a healthy connection is not thrown away";

impl Client {
    pub(super) fn room_event(&mut self, out: &mut Outside, event: RoomEvent<Json>) {
        let (who, kernel) = (self.who, &mut out.kernel);
        match event {
            RoomEvent::StateChange { from, to } => {
                self.watch.state.changed(kernel, who, from.as_str(), to.as_str());
                self.watch.returns.changed(kernel, who, to, &self.watch.remotes);
                if matches!(to, RoomState::Idle | RoomState::Closed) {
                    self.watch.backoff.end();
                }
                if to == RoomState::Closed {
                    kernel.soon((300, 5_000), Event::Start(who.client));
                }
            }
            RoomEvent::PeerJoined(remote) => {
                self.watch.remotes.joined(kernel, who, remote);
                self.open_channel(out, remote);
            }
            RoomEvent::PeerLeft(remote, ..) => self.watch.remotes.left(kernel, who, remote),
            RoomEvent::Data { message, .. } => self.watch.messages.surfaced(kernel, who, &message.data),
            RoomEvent::Error(RoomError::Terminal(_)) => kernel.saw("terminal close"),
            RoomEvent::Error(_) => kernel.saw("token-provider-error"),
            RoomEvent::Joined { .. } | RoomEvent::Left { .. } => {}
        }
    }

    pub(super) fn remote_event(&mut self, out: &mut Outside, remote: RemoteId, event: RemoteEvent<Json>) {
        let (who, kernel) = (self.who, &mut out.kernel);
        self.watch.remotes.told_of(kernel, who, remote);
        match event {
            RemoteEvent::StateChange { from, to } => {
                self.watch.remotes.changed(kernel, who, remote, from.as_str(), to.as_str());
            }
            RemoteEvent::ConnectionReset => {
                kernel.saw("connection-reset");
                let was_healthy = self.watch.remotes.reset(remote);
                // One that never was connected may have to give way together with its first offer.
                if out.plan.is_perfect() && was_healthy {
                    kernel.violated(PERFECT, format!("{who} replaces its connection"));
                }
                if was_healthy {
                    kernel.saw("a healthy connection was thrown away");
                    if out.plan.steady {
                        kernel.violated(HEALTHY, format!("{who} replaces that to remote {}", remote.0));
                    }
                }
                self.open_channel(out, remote);
            }
            RemoteEvent::SignalsLost | RemoteEvent::TrackMeta(_) => {}
            RemoteEvent::NegotiationError(error) => {
                kernel.saw("negotiation-error");
                // Before, an answer may be to an offer of the connection that ours replaced.
                if out.settled || out.plan.is_perfect() {
                    kernel.violated(PERFECT, format!("{who} cannot negotiate: {error}"));
                }
            }
            RemoteEvent::IceRestartExhausted => {
                kernel.saw("IceRestartExhaustedError");
                if out.settled {
                    kernel.violated(PERFECT, format!("{who} cannot connect"));
                }
            }
            RemoteEvent::IceCandidateError(error) => {
                kernel.saw("ice-candidate-error");
                // A driver that is sloppy may let candidates of an offer out that was rolled back.
                if out.plan.is_perfect() && !out.plan.sloppy_driver {
                    kernel.violated(PERFECT, format!("{who} cannot add a candidate: {error}"));
                }
            }
        }
    }

    pub(super) fn something_to_do_in_a_room(&mut self, out: &mut Outside, may_close: bool) -> Call<Json> {
        let others: Vec<PeerId> = self.core.remotes().map(|(_, peer)| peer.clone()).collect();
        self.app.act_in_a_room(&mut out.kernel.dice, self.core.peer_id(), &others, may_close)
    }

    /// The application adds media to the connection to somebody, one or many times in a row.
    pub fn add_media(&mut self, out: &mut Outside) {
        let pcs: Vec<PcId> = self.connections.values().copied().collect();
        if !pcs.is_empty() {
            let pc = *out.kernel.dice.pick(&pcs);
            let connection = self.connections.iter().find(|(_, own)| **own == pc).map(|(id, _)| *id);
            for _ in 0..*out.kernel.dice.pick(&[1, 1, 1, 10]) {
                if out.webrtc.connection(pc).is_some_and(|pc| pc.signaling.transceivers.len() >= TRACKS) {
                    break;
                }
                out.webrtc.add_transceiver(&mut out.kernel, pc);
            }
            if let Some(connection) = connection {
                self.python_added(out, connection);
            }
        }
    }

    /// Whether the application opens a channel on each connection to another client.
    pub fn opens_channels_to(&self, other: &Self, opener: Opener) -> bool {
        match (self.core.peer_id(), other.core.peer_id()) {
            (Some(own), Some(theirs)) => App::opens(opener, own, theirs),
            _ => false,
        }
    }

    fn open_channel(&mut self, out: &mut Outside, remote: RemoteId) {
        let Some(remote) = self.watch.remotes.get(remote) else { return };
        let connection = remote.connection;
        let (Some(own), Some(pc)) = (self.core.peer_id(), self.connections.get(&connection)) else {
            return;
        };
        if App::opens(out.plan.opener, own, &remote.peer_id) {
            out.webrtc.create_channel(&mut out.kernel, *pc);
            self.python_added(out, connection);
        }
    }
}
