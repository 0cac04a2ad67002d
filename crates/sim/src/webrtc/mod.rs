//! Fake WebRTC: peer connections that obey the rules for signalling, and a network between them that is simpler
//! than the real one.
//!
//! A connection answers its owner through events of the world only, so that every answer takes its time and can
//! come between any two other things.

mod connection;
mod sdp;
mod signaling;
mod transport;

use std::collections::{BTreeMap, BTreeSet};

use metered_core::{ConnectionEvent, ConnectionState, Operation, OperationId};
use metered_protocol::Candidate;
use serde_json::Value as Json;

use crate::kernel::{Event, Kernel, Who};
use crate::plan::{Plan, Stack};
pub use connection::{Owner, PeerConnection};
pub use sdp::Sdp;
use signaling::{Rejection, Signaling};
pub use transport::Knowing;

/// A connection's name in the whole world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PcId(pub u32);

/// A data channel's name in the whole world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelId(pub u32);

/// Something that happens in or between connections.
#[derive(Clone, Debug)]
pub enum PcEvent {
    /// The first operation of the chain ends.
    Step,
    /// The task that updates the negotiation-needed flag.
    UpdateFlag,
    /// The platform has listed its network interfaces.
    Interfaces,
    /// A candidate of this generation is found; `None` is the end.
    Gathered(String, Option<Candidate>),
    /// The handshake with another connection ends.
    Greet(PcId),
    /// `connectionState` changes, unless the epoch has.
    Transport(u32, ConnectionState),
    /// A channel opens.
    Open(ChannelId),
}

/// What a connection tells its owner.
pub type Report = (Owner, ConnectionEvent<Json>);

/// All connections there ever were.
#[derive(Debug, Default)]
pub struct Webrtc {
    connections: BTreeMap<PcId, PeerConnection>,
    fingerprints: BTreeMap<String, PcId>,
    /// The clients whose platform knows its network interfaces.
    has_interfaces: BTreeSet<Who>,
    last: u32,
}

impl Webrtc {
    /// `new RTCPeerConnection()`
    pub fn create(&mut self, kernel: &Kernel, owner: Owner, stack: Stack) -> PcId {
        self.last += 1;
        let id = PcId(self.last);
        let [a, b, c, d] = self.last.to_be_bytes();
        let fingerprint = format!("sha-256 {a:02X}:{b:02X}:{c:02X}:{d:02X}");
        self.fingerprints.insert(fingerprint.clone(), id);
        self.connections
            .insert(id, PeerConnection::new(owner, Signaling::new(stack, fingerprint), kernel.now));
        id
    }

    /// A connection, open or closed.
    pub fn connection(&self, id: PcId) -> Option<&PeerConnection> {
        self.connections.get(&id)
    }

    /// Whether the other end of a connection that was made is there.
    pub fn is_whole(&self, id: PcId) -> bool {
        let partner = self.connection(id).and_then(|pc| pc.partner);
        partner.and_then(|partner| self.connection(partner)).is_some_and(|partner| !partner.closed)
    }

    /// Open channels between two connections, and those that are not open yet.
    pub fn channels_between(&self, a: PcId, b: PcId) -> (usize, usize) {
        let count = |creator: PcId, other: PcId| {
            let channels = self.connections.get(&creator).map_or(&[][..], |pc| &pc.channels);
            let open = channels.iter().filter(|(_, end)| *end == Some(other)).count();
            (open, channels.len() - open)
        };
        let (ours, theirs) = (count(a, b), count(b, a));
        (ours.0 + theirs.0, ours.1 + theirs.1)
    }

    /// Calls a method that answers with a promise.
    pub fn operate(
        &mut self,
        kernel: &mut Kernel,
        plan: &Plan,
        id: PcId,
        op: OperationId,
        operation: Operation,
    ) {
        let Some(pc) = self.connections.get_mut(&id) else { return };
        pc.chain.push_back((op, operation));
        if pc.chain.len() == 1 {
            self.start_step(kernel, plan, id);
        }
    }

    /// `createDataChannel()`
    pub fn create_channel(&mut self, kernel: &mut Kernel, id: PcId) {
        self.last += 1;
        let channel = ChannelId(self.last);
        let Some(pc) = self.open_one(id) else { return };
        kernel.note(format_args!("{} createDataChannel on pc {}", pc.owner.who, id.0));
        let is_first = !std::mem::replace(&mut pc.signaling.has_channels, true);
        pc.asked = kernel.now;
        pc.channels.push((channel, None));
        if is_first {
            self.update_flag(kernel, id);
        }
        if self.connections.get(&id).is_some_and(|pc| pc.transport == ConnectionState::Connected) {
            kernel.soon((0, 100), Event::Pc(id, PcEvent::Open(channel)));
        }
    }

    /// `addTransceiver()`
    pub fn add_transceiver(&mut self, kernel: &mut Kernel, id: PcId) {
        let Some(pc) = self.open_one(id) else { return };
        kernel.note(format_args!("{} addTransceiver on pc {}", pc.owner.who, id.0));
        pc.asked = kernel.now;
        pc.signaling.transceivers.push(None);
        self.update_flag(kernel, id);
    }

    /// A connection on which something can be begun: on one that is closed, methods throw.
    fn open_one(&mut self, id: PcId) -> Option<&mut PeerConnection> {
        self.connections.get_mut(&id).filter(|pc| !pc.closed)
    }

    /// `close()` by the driver.
    pub fn close(&mut self, kernel: &mut Kernel, id: PcId) {
        if let Some(pc) = self.connections.get_mut(&id) {
            pc.released = true;
        }
        if let Some(partner) = self.shut(id) {
            self.lose_partner(kernel, partner);
        }
    }

    /// Ends a connection. Answers the other end.
    fn shut(&mut self, id: PcId) -> Option<PcId> {
        let pc = self.connections.get_mut(&id)?;
        pc.closed = true;
        pc.epoch += 1;
        pc.channels.clear();
        pc.partner.take()
    }

    /// Lets something happen. Answers what the connection tells its owner.
    pub fn handle(&mut self, kernel: &mut Kernel, plan: &Plan, id: PcId, event: PcEvent) -> Option<Report> {
        let pc = self.connections.get_mut(&id)?;
        let owner = pc.owner;
        if pc.released && !plan.sloppy_driver {
            return None;
        }
        // Who is closed behind the driver's back only rejects, and says at most that it is closed.
        let is_last_word = matches!(event, PcEvent::Step | PcEvent::Transport(_, ConnectionState::Closed));
        if pc.closed && !pc.released && !is_last_word {
            return None;
        }
        let report = match event {
            PcEvent::Step => Some(self.end_step(kernel, plan, id)?),
            PcEvent::UpdateFlag => self.needs_negotiation(id).then_some(ConnectionEvent::NegotiationNeeded),
            PcEvent::Interfaces => {
                self.has_interfaces.insert(owner.who);
                None
            }
            PcEvent::Gathered(generation, candidate) => {
                self.has_interfaces.insert(owner.who);
                // What a rolled back offer has gathered may have been on its way already.
                let is_current = pc.signaling.ufrag() == Some(&generation);
                (is_current || plan.sloppy_driver).then_some(ConnectionEvent::Candidate(candidate))
            }
            PcEvent::Greet(other) => {
                self.greet(kernel, plan, id, other);
                None
            }
            PcEvent::Transport(epoch, state) => {
                self.change_transport(kernel, id, epoch, state).then_some(ConnectionEvent::State(state))
            }
            PcEvent::Open(channel) => {
                self.open(id, channel);
                None
            }
        };
        Some((owner, report?))
    }

    // ---- the chain of operations

    fn start_step(&mut self, kernel: &mut Kernel, plan: &Plan, id: PcId) {
        let Some(pc) = self.connections.get_mut(&id) else { return };
        let Some((_, operation)) = pc.chain.front() else { return };
        let accepted = !pc.closed && pc.signaling.check(operation).is_ok();
        if accepted && matches!(operation, Operation::SetLocal(_)) {
            self.gather(kernel, plan, id);
        }
        kernel.soon(plan.step, Event::Pc(id, PcEvent::Step));
    }

    fn end_step(&mut self, kernel: &mut Kernel, plan: &Plan, id: PcId) -> Option<ConnectionEvent<Json>> {
        let pc = self.connections.get_mut(&id)?;
        let (op, operation) = pc.chain.front().cloned()?;
        if pc.closed {
            pc.chain.pop_front();
            if !pc.chain.is_empty() {
                self.start_step(kernel, plan, id);
            }
            let rejection = Json::from("InvalidStateError: the connection is closed");
            return Some(ConnectionEvent::Done(op, Err(rejection)));
        }
        let was_offering = pc.signaling.state() == signaling::State::HaveLocalOffer;
        let result = pc.signaling.apply(&operation);
        // Chromium: what was begun before the interfaces are known, and then rolled back, is never taken up again.
        pc.never_gathers |= was_offering
            && pc.signaling.stack() == Stack::Browser
            && pc.signaling.ufrag().is_none()
            && !self.has_interfaces.contains(&pc.owner.who);
        let sets =
            matches!(operation, Operation::SetLocal(_) | Operation::SetRemote(_) | Operation::Rollback);
        if sets && result.is_ok() && pc.signaling.state() == signaling::State::Stable {
            pc.negotiation_needed = false;
            pc.update_when_empty = true;
        }
        if let Err(rejection @ (Rejection::InvalidState(_) | Rejection::InvalidModification)) = &result {
            let who = pc.owner.who;
            kernel.violated(
                "no step is taken in the wrong state",
                format!("{who} pc {}: {rejection} ({operation:?} in {:?})", id.0, pc.signaling.state()),
            );
        }
        pc.chain.pop_front();
        if !pc.chain.is_empty() {
            self.start_step(kernel, plan, id);
        } else if std::mem::take(&mut pc.update_when_empty) {
            self.update_flag(kernel, id);
        }
        self.evaluate(kernel, plan, id);
        Some(ConnectionEvent::Done(op, result.map_err(|rejection| Json::from(rejection.to_string()))))
    }

    // ---- negotiation-needed

    fn update_flag(&mut self, kernel: &mut Kernel, id: PcId) {
        let Some(pc) = self.connections.get_mut(&id) else { return };
        if pc.chain.is_empty() {
            kernel.after(0, Event::Pc(id, PcEvent::UpdateFlag));
        } else {
            pc.update_when_empty = true;
        }
    }

    /// Whether `negotiationneeded` fires.
    fn needs_negotiation(&mut self, id: PcId) -> bool {
        let Some(pc) = self.connections.get_mut(&id).filter(|pc| !pc.closed) else { return false };
        if !pc.chain.is_empty() {
            pc.update_when_empty = true;
            return false;
        }
        if pc.signaling.state() != signaling::State::Stable {
            // Looked at again when it is stable.
            return false;
        }
        let needed = pc.signaling.is_negotiation_needed();
        let was_needed = std::mem::replace(&mut pc.negotiation_needed, needed);
        needed && !was_needed
    }

    // ---- gathering

    fn gather(&mut self, kernel: &mut Kernel, plan: &Plan, id: PcId) {
        let Some(pc) = self.connections.get_mut(&id) else { return };
        let Some(generation) = pc.signaling.ufrag().map(str::to_owned) else { return };
        if pc.never_gathers {
            return;
        }
        if pc.gathered.as_ref().is_some_and(|(gathered, _)| *gathered == generation) {
            return;
        }
        if !self.has_interfaces.contains(&pc.owner.who) {
            kernel.soon((0, 300), Event::Pc(id, PcEvent::Interfaces));
        }
        let mut times: Vec<u64> =
            (0..kernel.dice.between(plan.candidates)).map(|_| kernel.dice.between(plan.gathering)).collect();
        times.sort_unstable();
        let end = times.last().copied().unwrap_or_default();
        for (n, ms) in times.into_iter().enumerate() {
            let candidate = Candidate {
                candidate: format!("candidate:{n} 1 udp {n} 192.0.2.{n} {} typ host", 1000 + id.0 % 60_000),
                sdp_mid: Some("0".into()),
                sdp_m_line_index: Some(0),
                username_fragment: Some(generation.clone()),
            };
            pc.gathered = Some((generation.clone(), candidate.candidate.clone()));
            kernel.after(ms, Event::Pc(id, PcEvent::Gathered(generation.clone(), Some(candidate))));
        }
        kernel.after(end, Event::Pc(id, PcEvent::Gathered(generation, None)));
    }
}
