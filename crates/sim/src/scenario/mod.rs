//! What happens in a world, and what must have come about in the end.
//!
//! ```text
//!   start ── faults ──► quiet ── within BOUND_MS ──► converged ── HOLD_MS ──► a last round ──► end
//! ```
//!
//! Faults strike for a while, then there is quiet, and the world converges: [`rooms`] and [`clients`] say to what.
//! Once it has converged it must stay so; then everybody says a last word, and every word must be heard.
//!
//! A seed stands for two worlds, one of each kind.

mod clients;
pub mod growth;
mod rooms;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use metered_core::Instant;
use serde_json::Value as Json;

use crate::client::Outside;
use crate::kernel::{Event, Sights, Violation};
use crate::plan::{Role, Settings};
use crate::world::World;

/// Within so many milliseconds of quiet a world must converge. The longest way is a chain of waits that each have a
/// reason: a server takes up to 90 s to find a dead socket and a client 60 s, then come a backoff of up to 36 s and
/// an ICE failure of up to 37 s.
pub const BOUND_MS: u64 = 240_000;

/// So long it must stay converged: longer than any wait of the negotiation.
pub const HOLD_MS: u64 = 60_000;

/// So long it must have been converged to count: what is still under way may undo and redo something.
const SETTLED_MS: u64 = 5_000;

/// So long the last round may take.
const ROUND_MS: u64 = 20_000;

/// The same where somebody has the Python SDK. Whose offer meets another there builds its connection anew, may drop the
/// next offer, which is made again after 15 s, and what connects then may have to fail first.
const ROUND_WITH_PYTHON_MS: u64 = 90_000;

/// How often the world is looked over.
const INSPECTION_MS: u64 = 1_000;

/// What a run was like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl Report {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.hash = self.hash.rotate_left(1) ^ other.hash;
        self.events += other.events;
        self.converged_after = self.converged_after.max(other.converged_after);
        for (sight, count) in other.sights {
            *self.sights.entry(sight).or_default() += count;
        }
    }
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

/// Runs both worlds of a seed to their ends, or the one that is asked for.
pub fn run(seed: u64, settings: Settings) -> Result<Report, Failure> {
    let mut report = Report::default();
    let is_wanted = |role: &Role| settings.role.is_none_or(|wanted| wanted == *role);
    for role in [Role::Peer, Role::Client].into_iter().filter(is_wanted) {
        report.add(run_world(seed, role, settings)?);
    }
    Ok(report)
}

/// Runs one world to its end.
pub fn run_world(seed: u64, role: Role, settings: Settings) -> Result<Report, Failure> {
    let outcome = catch_unwind(AssertUnwindSafe(|| Run::new(seed, role, settings).finish()));
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
    connections: rooms::Connections,
}

/// A message, and the clients that must hear it.
struct Said {
    data: Json,
    to: BTreeSet<usize>,
}

impl Run {
    fn new(seed: u64, role: Role, settings: Settings) -> Self {
        let mut world = World::new(seed, role, settings);
        world.out.kernel.after(INSPECTION_MS, Event::Inspect);
        Self { world, converged: None, round: None }
    }

    fn finish(mut self) -> Result<Report, Failure> {
        let mut is_over = false;
        while let Some(event) = self.world.out.kernel.advance().filter(|_| !is_over) {
            let is_inspection = matches!(event, Event::Inspect);
            self.world.handle(event);
            is_over = is_inspection && self.inspect();
            if let Some(violation) = self.world.out.kernel.violation() {
                return Err(Failure::Violated(violation.clone()));
            }
        }
        let kernel = &self.world.out.kernel;
        Ok(Report {
            hash: kernel.trace.hash(),
            events: kernel.events,
            converged_after: self.converged.map_or(0, |at| at.since(self.world.quiet_at())),
            sights: kernel.sights.clone(),
        })
    }

    /// Looks the world over. Answers whether the run is over.
    fn inspect(&mut self) -> bool {
        let World { out, clients, .. } = &mut self.world;
        let now = out.kernel.now;
        for client in clients.iter() {
            client.inspect(&mut out.kernel, out.plan.lateness);
        }
        out.kernel.after(INSPECTION_MS, Event::Inspect);
        if out.plan.steady
            && let Err(slow) = rooms::check_haste(&self.world)
        {
            self.world.out.kernel.violated("what is asked for is negotiated soon", slow);
        }
        let quiet_at = self.world.quiet_at();
        let round_ms = if self.world.out.plan.has_python() { ROUND_WITH_PYTHON_MS } else { ROUND_MS };
        if now <= quiet_at || self.round.as_ref().is_some_and(|round| now.since(round.at) < round_ms) {
            return false;
        }
        if let Err(missing) = self.check() {
            let converged = self.converged.take();
            let was_settled = converged.is_some_and(|since| now.since(since) >= SETTLED_MS);
            if was_settled || now > quiet_at.after(BOUND_MS) {
                self.world.out.kernel.violated("a world converges and stays so", missing);
            }
            return false;
        }
        let since = *self.converged.get_or_insert(now);
        self.world.out.settled = now.since(since) >= SETTLED_MS;
        if let Some(round) = self.round.take() {
            self.check_round(round);
            return true;
        }
        if now.since(since) >= HOLD_MS {
            self.round = Some(self.last_round());
        }
        false
    }

    /// What is missing to being converged.
    fn check(&self) -> Result<(), String> {
        let now = self.world.out.kernel.now;
        if self.world.out.network.has_undiscovered_ends(now) || self.world.server.is_lagging() {
            return Err("not everybody knows yet what has happened".to_owned());
        }
        match self.world.out.plan.role {
            Role::Peer => rooms::check(&self.world),
            Role::Client => clients::check(&self.world),
        }
    }

    fn last_round(&mut self) -> Round {
        let at = self.world.out.kernel.now;
        let (said, connections) = match self.world.out.plan.role {
            Role::Peer => rooms::last_round(&mut self.world),
            Role::Client => (clients::last_round(&mut self.world), rooms::connections(&self.world.clients)),
        };
        Round { at, said, connections }
    }

    fn check_round(&mut self, Round { said, connections, .. }: Round) {
        if let Some(debt) = clients::debts(&self.world) {
            self.world.out.kernel.violated("a session loses, repeats and reorders nothing", debt);
        }
        let World { out: Outside { kernel, plan, .. }, clients, .. } = &mut self.world;
        if rooms::connections(clients) != connections {
            let what = "adding media has changed connections".to_owned();
            kernel.violated("a healthy connection is not thrown away", what);
        }
        for Said { data, to } in said {
            for (index, client) in clients.iter().enumerate() {
                let expected = to.contains(&index);
                if client.watch.messages.has_seen(&data) != expected {
                    let what = format!("{data} at {}, expected: {expected}", client.who);
                    kernel.violated("a message surfaces exactly once", what);
                }
            }
        }
        for client in clients.iter() {
            client.check_rest(kernel, plan);
        }
    }
}
