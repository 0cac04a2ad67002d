//! The scenario: faults for a while, then quiet, and in the end everybody is with everybody.
//!
//! ```text
//!   start ── faults ──► quiet ── within BOUND_MS ──► converged ── HOLD_MS ──► a last round ──► end
//! ```
//!
//! Converged means that every client is `joined`, that its roster is exactly the other clients, and that for each
//! pair both sides' present connections are connected to each other with every channel that was created on them
//! open, and at least one was, and with nothing left to negotiate.
//!
//! In the last round everybody says something to all and to each, and many add media to their connections at the
//! same time: every message arrives once, and the same connections carry the media in the end.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use metered_core::{ConnectionId, Instant, RemoteState, RoomState};
use serde_json::Value as Json;

use crate::kernel::{Event, Sights, Violation};
use crate::world::World;

/// Within so many milliseconds of quiet, everybody must be with everybody. The longest wait is made of waits that
/// each have a reason: a server that takes 90 s to find a dead socket, a backoff of 36 s, an ICE failure of 37 s.
pub const BOUND_MS: u64 = 300_000;

/// So long it must stay so: longer than any wait of the negotiation.
pub const HOLD_MS: u64 = 60_000;

/// So long the last round may take.
const ROUND_MS: u64 = 20_000;

/// How often the world is looked over.
const INSPECTION_MS: u64 = 1_000;

/// What a run was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Equal runs have equal hashes.
    pub hash: u64,
    /// Events of the world.
    pub events: u64,
    /// From quiet to converged, in milliseconds.
    pub converged_after: u64,
    /// What was seen how often.
    pub sights: Sights,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A rule was broken.
    Violated(Violation),
    /// The core, the hub or the world panicked.
    Panicked(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violated(violation) => violation.fmt(f),
            Self::Panicked(message) => write!(f, "panic: {message}"),
        }
    }
}

/// Runs the world of a seed to its end.
pub fn run(seed: u64, print: bool) -> Result<Report, Failure> {
    let outcome = catch_unwind(AssertUnwindSafe(|| Run::new(seed, print).finish()));
    outcome.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Failure::Panicked(message.unwrap_or_default()))
    })
}

struct Run {
    world: World,
    /// Since when it has been converged.
    converged: Option<Instant>,
    round: Option<Round>,
}

/// The last round.
struct Round {
    at: Instant,
    said: Vec<Said>,
    connections: Vec<Vec<ConnectionId>>,
}

/// A message. `to` nobody in particular is to all.
struct Said {
    from: usize,
    to: Option<usize>,
    data: Json,
}

impl Run {
    fn new(seed: u64, print: bool) -> Self {
        let mut world = World::new(seed, print);
        world.out.kernel.after(INSPECTION_MS, Event::Inspect);
        Self { world, converged: None, round: None }
    }

    fn finish(mut self) -> Result<Report, Failure> {
        while let Some(event) = self.world.out.kernel.advance() {
            let is_inspection = matches!(event, Event::Inspect);
            self.world.handle(event);
            if is_inspection && self.inspect() {
                break;
            }
            if let Some(violation) = self.world.out.kernel.violation() {
                return Err(Failure::Violated(violation.clone()));
            }
        }
        if let Some(violation) = self.world.out.kernel.violation() {
            return Err(Failure::Violated(violation.clone()));
        }
        let kernel = &self.world.out.kernel;
        let converged = self.converged.unwrap_or(kernel.now);
        let quiet = Instant(self.quiet_at());
        Ok(Report {
            hash: kernel.trace.hash(),
            events: kernel.events,
            converged_after: converged.since(quiet),
            sights: kernel.sights.clone(),
        })
    }

    fn quiet_at(&self) -> u64 {
        // The kernel's clock does not begin at 0.
        1_000 + self.world.out.plan.quiet_at
    }

    /// Looks the world over. Answers whether the run is over.
    fn inspect(&mut self) -> bool {
        let World { out, clients, .. } = &mut self.world;
        let now = out.kernel.now;
        for client in clients.iter() {
            client.inspect(&mut out.kernel, out.plan.lateness);
        }
        out.kernel.after(INSPECTION_MS, Event::Inspect);
        if out.troubled || now < Instant(self.quiet_at()) {
            return false;
        }
        if let Err(missing) = together(&self.world) {
            let kernel = &mut self.world.out.kernel;
            let renegotiating = self.round.as_ref().is_some_and(|round| now.since(round.at) < ROUND_MS);
            if renegotiating {
                return false;
            }
            if self.converged.is_some() || now > Instant(1_000 + self.world.out.plan.quiet_at + BOUND_MS) {
                kernel.violated("everybody is with everybody in the end", missing);
            }
            self.converged = None;
            return false;
        }
        self.world.out.settled = true;
        let since = *self.converged.get_or_insert(now);
        match &self.round {
            None if now.since(since) >= HOLD_MS => {
                self.round = Some(self.last_round());
                false
            }
            Some(round) if now.since(round.at) >= ROUND_MS => {
                self.check_round();
                true
            }
            _ => false,
        }
    }

    fn last_round(&mut self) -> Round {
        let World { out, clients, .. } = &mut self.world;
        let at = out.kernel.now;
        let connections = clients.iter().map(|client| client.connections().collect()).collect();
        let ids: Vec<_> = clients.iter().map(|client| client.core.peer_id().cloned()).collect();
        let mut said = Vec::new();
        for (from, client) in clients.iter_mut().enumerate() {
            said.push(Said { from, to: None, data: client.say(out, None) });
            for (to, id) in ids.iter().enumerate().filter(|(to, _)| *to != from) {
                said.push(Said { from, to: Some(to), data: client.say(out, id.as_ref()) });
            }
            client.add_media(out);
        }
        Round { at, said, connections }
    }

    fn check_round(&mut self) {
        let Some(Round { said, connections, .. }) = self.round.take() else { return };
        let World { out, clients, .. } = &mut self.world;
        for (client, before) in clients.iter().zip(connections) {
            if !client.connections().eq(before) {
                let what = format!("{} has other connections after adding media", client.who);
                out.kernel.violated("a healthy connection is not thrown away", what);
            }
        }
        for Said { from, to, data } in said {
            for (index, client) in clients.iter().enumerate() {
                let expected = index != from && to.is_none_or(|to| to == index);
                if client.watch.messages.has_seen(&data) != expected {
                    let what = format!("{data} from {from} to {to:?}, at {index} expected: {expected}");
                    out.kernel.violated("a message surfaces exactly once", what);
                }
            }
        }
        for client in clients.iter() {
            let (size, remotes) = (format!("{:?}", client.core).len(), client.core.remotes().count());
            if size > 3_000 + 800 * remotes {
                let what = format!("{} is {size} long in words, with {remotes} remotes", client.who);
                out.kernel.violated("nothing is kept for ever", what);
            }
        }
        for client in clients.iter().filter(|client| !client.watch.calls.is_empty()) {
            let what = format!("{} has calls that wait", client.who);
            out.kernel.violated("every call settles exactly once, in time", what);
        }
    }
}

/// Whether everybody is with everybody; if not, what is missing.
fn together(world: &World) -> Result<(), String> {
    let World { out, server, clients, channel } = world;
    if out.network.has_undiscovered_cuts() || server.is_lagging() {
        return Err("not everybody knows yet what has happened".to_owned());
    }
    for client in clients {
        let state = client.core.room_state();
        if state != RoomState::Joined {
            return Err(format!("{} is {}", client.who, state.as_str()));
        }
    }
    let mut ids: Vec<_> = clients.iter().filter_map(|client| client.core.peer_id().cloned()).collect();
    ids.sort();
    if server.peers(channel) != ids {
        return Err(format!("the server has {:?}, they are {ids:?}", server.peers(channel)));
    }
    for client in clients {
        let own = client.core.peer_id();
        let roster: Vec<_> = client.core.remotes().map(|(_, peer)| peer).collect();
        if !roster.iter().copied().eq(ids.iter().filter(|id| Some(*id) != own)) {
            return Err(format!("{} has the roster {roster:?} of {ids:?}", client.who));
        }
        for (id, remote) in client.watch.remotes.iter() {
            let pair = format!("{} and {}", client.who, remote.peer_id);
            let state = client.core.remote(id).map(|view| view.state);
            if state != Some(RemoteState::Connected) {
                return Err(format!("between {pair} it is {state:?}"));
            }
            let other = clients.iter().find(|other| other.core.peer_id() == Some(&remote.peer_id));
            let theirs = other.and_then(|other| {
                let (_, back) = other.watch.remotes.iter().find(|(_, r)| Some(&r.peer_id) == own)?;
                other.pc(back.connection)
            });
            let (Some(ours), Some(theirs)) = (client.pc(remote.connection), theirs) else {
                return Err(format!("between {pair} a connection is missing"));
            };
            if out.webrtc.connection(ours).and_then(|pc| pc.partner) != Some(theirs) {
                return Err(format!("between {pair} pc {} and pc {} are apart", ours.0, theirs.0));
            }
            let (open, closed) = out.webrtc.channels_between(ours, theirs);
            let both = (out.webrtc.connection(ours), out.webrtc.connection(theirs));
            if !matches!(both, (Some(ours), Some(theirs)) if ours.is_settled_with(theirs)) {
                return Err(format!("between {pair} there is something left to negotiate"));
            }
            if open == 0 || closed > 0 {
                return Err(format!("between {pair} {open} channels are open and {closed} are not"));
            }
        }
    }
    Ok(())
}
