//! ICE, DTLS and SCTP, made simple: two connections that agree on each other connect after a moment, one whose
//! partner is gone finds out in the time that ICE takes for it.

use metered_core::ConnectionState;

use super::{ChannelId, PcEvent, PcId, PeerConnection, Webrtc};
use crate::kernel::{Event, Kernel};
use crate::plan::Plan;

/// From complete agreement to `connected`.
const HANDSHAKE: (u64, u64) = (0, 300);
/// From `connecting` to `failed` if nobody answers.
const ICE_TIMEOUT: (u64, u64) = (15_000, 30_000);
/// From a partner's end to `disconnected`.
const DISCONNECTED: (u64, u64) = (10, 7_000);
/// From a partner's goodbye, or the end of the own stack, to its being told.
const GOODBYE: (u64, u64) = (0, 500);
/// From there to `failed`.
const FAILED: (u64, u64) = (10_000, 25_000);

/// Who is told that one end of a connection was closed. Its own driver is not if the page has called `close()`: that fires
/// no event. The other end is not if nothing could be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Knowing {
    TheOtherEnd,
    TheEnd,
    Both,
}

impl Knowing {
    fn sight(self) -> &'static str {
        match self {
            Self::TheOtherEnd => "connection that was closed by its page",
            Self::TheEnd => "connection whose stack has died",
            Self::Both => "connection whose stack has died with a goodbye",
        }
    }
}

impl Webrtc {
    /// Looks whether a connection can connect, after something about it has changed.
    pub(super) fn evaluate(&mut self, kernel: &mut Kernel, plan: &Plan, id: PcId) {
        let Some(pc) = self.connections.get_mut(&id).filter(|pc| !pc.closed) else { return };
        let (Some(local), Some(remote)) = (&pc.signaling.local.current, &pc.signaling.remote.current) else {
            return;
        };
        if local.sections.is_empty() {
            return;
        }
        let other = remote.fingerprint.as_ref().and_then(|fingerprint| self.fingerprints.get(fingerprint));
        let other = other.copied();
        let restarted = pc.partner.is_none() && pc.exhausted.is_some() && !pc.is_exhausted();
        if pc.transport == ConnectionState::New || restarted {
            pc.exhausted = None;
            pc.transport = ConnectionState::Connecting;
            pc.epoch += 1;
            kernel.after(0, Event::Pc(id, PcEvent::Transport(pc.epoch, ConnectionState::Connecting)));
            kernel.soon(ICE_TIMEOUT, Event::Pc(id, PcEvent::Transport(pc.epoch, ConnectionState::Failed)));
        }
        let Some(other) = other.filter(|other| pc.partner != Some(*other)) else { return };
        if self.agree(plan, id, other) {
            kernel.soon(HANDSHAKE, Event::Pc(id, PcEvent::Greet(other)));
        }
    }

    /// The handshake of two connections ends well, if they still agree.
    pub(super) fn greet(&mut self, kernel: &mut Kernel, plan: &Plan, id: PcId, other: PcId) {
        if !self.agree(plan, id, other) {
            return;
        }
        for (one, two) in [(id, other), (other, id)] {
            if let Some(pc) = self.connections.get_mut(&one)
                && pc.partner != Some(two)
            {
                pc.partner = Some(two);
                pc.associated = Some(two);
                pc.epoch += 1;
                let connected = PcEvent::Transport(pc.epoch, ConnectionState::Connected);
                kernel.soon((0, 100), Event::Pc(one, connected));
            }
        }
    }

    /// Changes `connectionState`. False if that was foreseen in another epoch.
    pub(super) fn change_transport(
        &mut self,
        kernel: &mut Kernel,
        id: PcId,
        epoch: u32,
        state: ConnectionState,
    ) -> bool {
        let may_be = |pc: &PeerConnection| !pc.closed || state == ConnectionState::Closed;
        let Some(pc) = self.connections.get_mut(&id).filter(|pc| pc.epoch == epoch && may_be(pc)) else {
            return false;
        };
        pc.transport = state;
        if state == ConnectionState::Failed {
            pc.exhausted = pc.signaling.local.current.as_ref().and_then(|local| local.ufrag.clone());
        }
        let partner = pc.partner;
        if state == ConnectionState::Connected {
            for creator in [Some(id), partner].into_iter().flatten() {
                let channels = self.connections.get(&creator).map_or(&[][..], |pc| &pc.channels);
                for (channel, _) in channels {
                    kernel.soon((0, 100), Event::Pc(creator, PcEvent::Open(*channel)));
                }
            }
        }
        true
    }

    /// A channel opens, if both ends can by now.
    pub(super) fn open(&mut self, creator: PcId, channel: ChannelId) {
        let Some(pc) = self.connections.get(&creator) else { return };
        let other = pc.partner;
        let Some(partner) = other.and_then(|partner| self.connections.get(&partner)) else { return };
        let connected = [pc, partner].iter().all(|pc| pc.transport == ConnectionState::Connected);
        if let Some(pc) = self.connections.get_mut(&creator)
            && let Some((_, end)) = pc.channels.iter_mut().find(|(id, _)| *id == channel)
            && connected
        {
            *end = other;
        }
    }

    /// The connection at the other end is gone.
    pub(super) fn lose_partner(&mut self, kernel: &mut Kernel, id: PcId) {
        let Some(pc) = self.connections.get_mut(&id) else { return };
        pc.partner = None;
        pc.channels.iter_mut().for_each(|(_, end)| *end = None);
        pc.epoch += 1;
        let disconnected = kernel.dice.between(DISCONNECTED);
        let failed = disconnected + kernel.dice.between(FAILED);
        for (ms, state) in [(disconnected, ConnectionState::Disconnected), (failed, ConnectionState::Failed)]
        {
            kernel.after(ms, Event::Pc(id, PcEvent::Transport(pc.epoch, state)));
        }
    }

    /// The path between two connections breaks for a while. Both find out, or one of them.
    pub fn blip(&mut self, kernel: &mut Kernel) {
        let connected: Vec<PcId> = self
            .connections
            .iter()
            .filter(|(_, pc)| {
                !pc.closed && pc.partner.is_some() && pc.transport == ConnectionState::Connected
            })
            .map(|(id, _)| *id)
            .collect();
        if connected.is_empty() {
            return;
        }
        let id = *kernel.dice.pick(&connected);
        if let Some(pc) = self.connections.get(&id) {
            let back = kernel.dice.between((100, 5_000));
            let event = |state| Event::Pc(id, PcEvent::Transport(pc.epoch, state));
            kernel.after(0, event(ConnectionState::Disconnected));
            kernel.after(back, event(ConnectionState::Connected));
        }
    }

    /// The path between two connections breaks for good: an address has changed. Only an ICE restart finds another.
    pub fn break_path(&mut self, kernel: &mut Kernel, plan: &Plan) {
        let connected = self.pairs();
        if connected.is_empty() {
            return;
        }
        kernel.saw(if plan.has_python() { "broken path with Python" } else { "broken path" });
        let (one, two) = *kernel.dice.pick(&connected);
        for id in [one, two] {
            if let Some(pc) = self.connections.get_mut(&id) {
                pc.exhausted = pc.signaling.local.current.as_ref().and_then(|local| local.ufrag.clone());
            }
            self.lose_partner(kernel, id);
        }
    }

    /// The connections that are connected, each with its other end.
    pub fn pairs(&self) -> Vec<(PcId, PcId)> {
        let connected = self
            .connections
            .iter()
            .filter(|(_, pc)| pc.transport == ConnectionState::Connected && !pc.closed);
        connected.filter_map(|(id, pc)| Some((*id, pc.partner?))).collect()
    }

    /// One end of a connection is closed behind the back of its driver, and whatever it was asked for and has not done is
    /// never done. Who is told of that, `knowing` says.
    pub fn close_one_end(&mut self, kernel: &mut Kernel, id: PcId, knowing: Knowing) {
        let Some(other) = self.shut(id) else { return };
        kernel.saw(knowing.sight());
        kernel.note(format_args!("     pc {} is closed, {knowing:?}", id.0));
        if let Some(pc) = self.connections.get_mut(&id) {
            pc.chain.clear();
            if knowing != Knowing::TheOtherEnd {
                kernel.soon(GOODBYE, Event::Pc(id, PcEvent::Transport(pc.epoch, ConnectionState::Closed)));
            }
        }
        self.lose_partner(kernel, other);
        if let Some(pc) = self.connections.get_mut(&other)
            && knowing != Knowing::TheEnd
        {
            pc.epoch += 1;
            kernel.soon(GOODBYE, Event::Pc(other, PcEvent::Transport(pc.epoch, ConnectionState::Closed)));
        }
    }

    fn agree(&self, plan: &Plan, one: PcId, two: PcId) -> bool {
        match (self.connections.get(&one), self.connections.get(&two)) {
            (Some(a), Some(b)) => {
                a.associated.is_none_or(|with| with == two)
                    && b.associated.is_none_or(|with| with == one)
                    && a.agrees_with(b, plan.strict_candidates)
            }
            _ => false,
        }
    }
}
