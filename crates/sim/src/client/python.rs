//! A connection as the official Python SDK has it, over aiortc.
//!
//! It stands in for the core's negotiation in clients of [`crate::plan::Sdk::Python`] and follows that SDK's code
//! (`_webrtc/connection.py` of 1.0.2) where that differs from perfect negotiation:
//!
//! - It does not trickle: a description leaves when all candidates are found, with them in it.
//! - There is no `negotiationneeded`: whatever the application adds is offered by a loop that makes one offer at a time.
//! - There is no rollback, so the polite side waits for the other's offer before it makes its own, and answers an offer
//!   that meets its own from a new connection.
//! - There is no ICE restart. A connection that fails gets a successor, and so does one whose remote has restarted ICE.
//! - Nothing is asked twice: an offer that is not answered waits for ever.
//!
//! One trait of the real one is left out. Told by DTLS that its remote has closed the connection, aiortc closes its own,
//! and if it is impolite the SDK takes no offer from then on: nobody could bring such a pair together again.

mod successors;

use std::collections::VecDeque;

use metered_core::{
    ConnectionEvent, ConnectionId, ConnectionState, Input, Instant, Operation, OperationId, Outcome,
};
use metered_protocol::{Candidate, Description, PeerId, SdpType, Signal};
use serde_json::{Value as Json, json};

use super::{Client, Outside};
use crate::kernel::Event;
use crate::webrtc::{PcId, Sdp};

/// How long the polite side waits for an offer before it makes its own.
const DEFER_MS: u64 = 2_000;
/// How soon after an offer that cost a connection the next may cost another. One that comes earlier is dropped.
const COOLDOWN_MS: u64 = 2_000;
/// How long a successor has to connect.
const PROBE_MS: u64 = 15_000;

/// What time brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(u32);

/// Something that needs the connection for itself.
#[derive(Debug)]
enum Job {
    /// Of the connection that was the present one when it was asked for.
    Offer(PcId),
    Description(Description),
    Candidate(Candidate),
    Rebuild,
}

#[derive(Debug)]
enum Step {
    CreatingOffer,
    SettingOffer(Description),
    SettingRemoteOffer,
    CreatingAnswer,
    SettingAnswer(Description),
    SettingRemoteAnswer,
    AddingCandidate,
}

/// The loop that makes offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loop {
    Idle,
    Starting(Tick),
    /// Polite, and waiting for the other's offer.
    Deferring(Tick),
    Offering,
}

/// The loop that brings a failed connection back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    Idle,
    Pausing(Tick),
    Rebuilding,
    Probing(Tick),
}

#[derive(Debug)]
pub(super) struct PythonConnection {
    remote: PeerId,
    polite: bool,
    pc: PcId,
    jobs: VecDeque<Job>,
    step: Option<Step>,
    /// The step's operation, unless it waits for candidates.
    op: Option<OperationId>,
    last_number: u32,
    candidates: Vec<String>,
    has_gathered: bool,
    dirty: bool,
    offers: Loop,
    ever_negotiated: bool,
    /// An offer has come, good or not.
    has_heard: bool,
    has_followed_up: bool,
    remote_ufrag: Option<String>,
    has_remote: bool,
    rebuilt_at: Option<Instant>,
    recovery: Recovery,
    attempts: usize,
    state: ConnectionState,
    reopens: Option<Tick>,
}

impl PythonConnection {
    pub(super) fn new(own: Option<&PeerId>, remote: &PeerId, pc: PcId) -> Self {
        Self {
            remote: remote.clone(),
            polite: own < Some(remote),
            pc,
            jobs: VecDeque::new(),
            step: None,
            op: None,
            last_number: 0,
            candidates: Vec::new(),
            has_gathered: false,
            dirty: false,
            offers: Loop::Idle,
            ever_negotiated: false,
            has_heard: false,
            has_followed_up: false,
            remote_ufrag: None,
            has_remote: false,
            rebuilt_at: None,
            recovery: Recovery::Idle,
            attempts: 0,
            state: ConnectionState::New,
            reopens: None,
        }
    }

    fn number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    fn is_making_offer(&self) -> bool {
        self.offers == Loop::Offering
    }
}

/// One client's connection, for the length of one event.
struct Hold<'a> {
    client: &'a mut Client,
    out: &'a mut Outside,
    id: ConnectionId,
    /// What follows from the event. It may end the connection, so it comes last.
    said: Vec<Said>,
}

enum Said {
    Signal(PeerId, Json),
    State(ConnectionState),
}

impl Client {
    /// The application has added something to a connection: the SDK is told by the call itself.
    pub(super) fn python_added(&mut self, out: &mut Outside, id: ConnectionId) {
        self.hold(out, id, |hold| hold.schedule());
    }

    /// A signal has come. One that overtakes the presence of its sender is dropped.
    pub(super) fn python_signal(&mut self, out: &mut Outside, from: &PeerId, signal: Signal<Json>) {
        let of = self.python.iter().find(|(_, connection)| connection.remote == *from);
        let Some(id) = of.map(|(id, _)| *id) else { return };
        let job = match signal {
            Signal::Description(description) => Job::Description(description),
            Signal::Candidate(Some(candidate)) => Job::Candidate(candidate),
            Signal::Candidate(None) | Signal::TrackMeta(_) => return,
        };
        self.hold(out, id, |hold| hold.push(job));
    }

    /// A connection, present or past, has reported something.
    pub(super) fn python_event(
        &mut self,
        out: &mut Outside,
        (id, pc): (ConnectionId, PcId),
        event: ConnectionEvent<Json>,
    ) {
        if self.python.get(&id).is_some_and(|connection| connection.pc == pc) {
            self.hold(out, id, |hold| hold.event(event));
        }
    }

    /// Time has passed.
    pub fn python_tick(&mut self, out: &mut Outside, id: ConnectionId, tick: Tick) {
        self.hold(out, id, |hold| hold.tick(tick));
    }

    fn hold(&mut self, out: &mut Outside, id: ConnectionId, act: impl FnOnce(&mut Hold<'_>)) {
        if !self.python.contains_key(&id) {
            return;
        }
        let mut hold = Hold { client: self, out, id, said: Vec::new() };
        act(&mut hold);
        for said in hold.said {
            match said {
                Said::Signal(to, data) => self.send_signal(out, to, data),
                Said::State(state) => {
                    self.input(out, Input::Connection(id, ConnectionEvent::State(state)));
                }
            }
        }
    }
}

impl Hold<'_> {
    fn me(&mut self) -> &mut PythonConnection {
        self.client.python.get_mut(&self.id).expect("nothing removes it meanwhile")
    }

    fn after(&mut self, ms: u64) -> Tick {
        let tick = Tick(self.me().number());
        self.out.kernel.after(ms, Event::Python(self.client.who, self.id, tick));
        tick
    }

    fn is_stable(&mut self) -> bool {
        let pc = self.me().pc;
        self.out.webrtc.connection(pc).is_some_and(|pc| pc.signaling.is_stable())
    }

    fn is_unsatisfied(&mut self) -> bool {
        let pc = self.me().pc;
        self.out.webrtc.connection(pc).is_some_and(|pc| pc.signaling.is_negotiation_needed())
    }

    fn tick(&mut self, tick: Tick) {
        let me = self.me();
        if me.offers == Loop::Starting(tick) {
            self.go_on_offering();
        } else if me.offers == Loop::Deferring(tick) {
            self.offer();
        } else if me.recovery == Recovery::Pausing(tick) {
            self.recover_now();
        } else if me.recovery == Recovery::Probing(tick) {
            self.recover();
        } else if me.reopens == Some(tick) {
            self.reopen();
        }
    }

    // ---- the loop that makes offers

    fn schedule(&mut self) {
        self.me().dirty = true;
        if self.me().offers == Loop::Idle {
            let tick = self.after(0);
            self.me().offers = Loop::Starting(tick);
        }
    }

    fn go_on_offering(&mut self) {
        let me = self.me();
        if !me.dirty {
            me.offers = Loop::Idle;
        } else if me.polite && !me.ever_negotiated && !me.has_heard {
            let tick = self.after(DEFER_MS);
            self.me().offers = Loop::Deferring(tick);
        } else {
            self.offer();
        }
    }

    /// What the polite side has waited for is there, or something else that ends its wait.
    fn wake(&mut self) {
        if matches!(self.me().offers, Loop::Deferring(_)) {
            self.offer();
        }
    }

    fn offer(&mut self) {
        let me = self.me();
        if !std::mem::take(&mut me.dirty) {
            me.offers = Loop::Idle;
            return;
        }
        me.offers = Loop::Offering;
        let pc = me.pc;
        self.push(Job::Offer(pc));
    }

    // ---- one job at a time

    fn push(&mut self, job: Job) {
        self.me().jobs.push_back(job);
        self.work();
    }

    fn work(&mut self) {
        while self.me().step.is_none()
            && let Some(job) = self.me().jobs.pop_front()
        {
            match job {
                Job::Offer(pc) => self.begin_offer(pc),
                Job::Description(offer) if offer.kind == SdpType::Offer => self.take_offer(offer),
                Job::Description(answer) => {
                    if self.is_stable() {
                        self.out.kernel.saw("Python dropped an answer");
                    } else {
                        self.me().remote_ufrag = ufrag(&answer);
                        self.operate(Step::SettingRemoteAnswer, Operation::SetRemote(answer));
                    }
                }
                Job::Candidate(candidate) => {
                    if self.me().has_remote {
                        self.operate(Step::AddingCandidate, Operation::AddCandidate(Some(candidate)));
                    }
                }
                Job::Rebuild => {
                    self.rebuild();
                    self.schedule();
                    let tick = self.after(PROBE_MS);
                    self.me().recovery = Recovery::Probing(tick);
                }
            }
        }
    }

    fn begin_offer(&mut self, asked: PcId) {
        let pc = self.me().pc;
        let has_content = self.out.webrtc.connection(pc).is_some_and(|pc| pc.signaling.has_content());
        if asked == pc && has_content {
            self.me().dirty = false;
            self.operate(Step::CreatingOffer, Operation::CreateOffer { ice_restart: false });
        } else {
            self.go_on_offering();
        }
    }

    fn take_offer(&mut self, offer: Description) {
        let collides = self.me().is_making_offer() || !self.is_stable();
        let now = self.out.kernel.now;
        let ufrag = ufrag(&offer);
        let me = self.me();
        let is_restart = me.remote_ufrag.is_some() && ufrag.is_some() && me.remote_ufrag != ufrag;
        if collides && !me.polite {
            self.out.kernel.saw("Python ignored an offer");
            return self.heard();
        }
        if collides || is_restart {
            if me.rebuilt_at.is_some_and(|at| now.since(at) < COOLDOWN_MS) {
                self.out.kernel.saw("Python dropped an offer");
                return self.heard();
            }
            me.rebuilt_at = Some(now);
            self.rebuild();
        }
        self.me().remote_ufrag = ufrag;
        self.operate(Step::SettingRemoteOffer, Operation::SetRemote(offer));
    }

    /// An offer was dealt with, one way or the other.
    fn heard(&mut self) {
        self.me().has_heard = true;
        self.wake();
    }

    fn operate(&mut self, step: Step, operation: Operation) {
        let me = self.me();
        let op = OperationId(me.number());
        (me.step, me.op) = (Some(step), Some(op));
        let pc = me.pc;
        self.out.webrtc.operate(&mut self.out.kernel, &self.out.plan, pc, op, operation);
    }

    fn event(&mut self, event: ConnectionEvent<Json>) {
        match event {
            ConnectionEvent::NegotiationNeeded => {}
            ConnectionEvent::Candidate(Some(candidate)) => self.me().candidates.push(candidate.candidate),
            ConnectionEvent::Candidate(None) => {
                self.me().has_gathered = true;
                self.describe();
            }
            ConnectionEvent::Done(op, result) => {
                let me = self.me();
                if me.op.take_if(|own| *own == op).is_none() {
                    return;
                }
                match (me.step.take(), result) {
                    (Some(step), Ok(outcome)) => self.succeeded(step, outcome),
                    (Some(step), Err(_)) => self.failed(&step),
                    (None, _) => {}
                }
                self.work();
            }
            ConnectionEvent::State(state) => self.changed(state),
        }
    }

    fn succeeded(&mut self, step: Step, outcome: Outcome) {
        match (step, outcome) {
            (Step::CreatingOffer, Outcome::Created(offer)) => {
                self.operate(Step::SettingOffer(offer.clone()), Operation::SetLocal(offer));
            }
            (Step::CreatingAnswer, Outcome::Created(answer)) => {
                self.operate(Step::SettingAnswer(answer.clone()), Operation::SetLocal(answer));
            }
            (step @ (Step::SettingOffer(_) | Step::SettingAnswer(_)), _) => {
                self.me().step = Some(step);
                self.describe();
            }
            (Step::SettingRemoteOffer, _) => {
                self.me().has_remote = true;
                self.operate(Step::CreatingAnswer, Operation::CreateAnswer);
            }
            (Step::SettingRemoteAnswer, _) => {
                (self.me().has_remote, self.me().ever_negotiated) = (true, true);
                if self.is_unsatisfied() {
                    self.follow_up();
                } else {
                    self.me().has_followed_up = false;
                }
            }
            (Step::AddingCandidate | Step::CreatingOffer | Step::CreatingAnswer, _) => {}
        }
    }

    fn failed(&mut self, step: &Step) {
        self.out.kernel.saw("Python cannot negotiate");
        match step {
            Step::CreatingOffer | Step::SettingOffer(_) => self.go_on_offering(),
            Step::SettingRemoteOffer | Step::CreatingAnswer | Step::SettingAnswer(_) => self.heard(),
            Step::SettingRemoteAnswer | Step::AddingCandidate => {}
        }
    }

    /// Sends the description that has been set, once it is complete.
    fn describe(&mut self) {
        let pc = self.me().pc;
        let gathers = self.out.webrtc.connection(pc).is_some_and(|pc| pc.gathered.is_some());
        let me = self.me();
        if me.op.is_some() || gathers && !me.has_gathered {
            return;
        }
        let (is_offer, Description { kind, mut sdp }) = match me.step.take() {
            Some(Step::SettingOffer(offer)) => (true, offer),
            Some(Step::SettingAnswer(answer)) => (false, answer),
            step => return me.step = step,
        };
        for candidate in &me.candidates {
            sdp.push_str(&format!("a={candidate}\r\n"));
        }
        me.ever_negotiated = true;
        let description = json!({ "type": kind.as_str(), "sdp": sdp });
        self.send(json!({ "type": "rtc-description", "description": description }));
        self.send(json!({ "type": "rtc-ice", "candidate": null }));
        if is_offer {
            self.go_on_offering();
        } else {
            if self.is_unsatisfied() {
                self.follow_up();
            } else {
                (self.me().dirty, self.me().has_followed_up) = (false, false);
            }
            self.heard();
        }
        self.work();
    }

    /// Not all that is to be sent has found a place: one more offer is made for it.
    fn follow_up(&mut self) {
        if !std::mem::replace(&mut self.me().has_followed_up, true) {
            self.schedule();
        }
    }

    fn send(&mut self, data: Json) {
        let to = self.me().remote.clone();
        self.said.push(Said::Signal(to, data));
    }
}

fn ufrag(description: &Description) -> Option<String> {
    Sdp::parse(&description.sdp)?.ufrag
}
