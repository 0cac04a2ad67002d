//! Time, chance, the queue of events, the record, and the first thing that went wrong.

use std::collections::BTreeMap;
use std::fmt;

use metered_core::{ConnectionId, Instant, OperationId, SocketId};
use metered_protocol::CloseCode;

use crate::client::Tick;
use crate::dice::Dice;
use crate::network::{Down, LinkId, Up};
use crate::queue::Queue;
use crate::trace::Trace;
use crate::webrtc::{PcEvent, PcId};

/// A client and the how-many-eth of its lives: one that was closed starts anew with another core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// Its place in the world's list.
    pub client: usize,
    /// Its life.
    pub life: u32,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}.{}", self.client, self.life)
    }
}

/// Something that will happen.
#[derive(Debug)]
pub enum Event {
    /// A client's application starts a core and joins.
    Start(usize),
    /// The application tries again after a join that failed.
    Rejoin(Who),
    /// The application does something.
    Act(Who),
    /// A core's deadline, or a moment that is none.
    Wake(Who, Instant),
    /// A page that slept wakes up.
    Awake(Who),
    /// The token provider answers, in time or too late.
    Token(Who, OperationId, bool),
    /// The server learns of a socket that a client opens.
    Arrive(LinkId),
    /// A frame reaches the server.
    Up(LinkId, Up),
    /// A frame reaches a client.
    Down(LinkId, Down),
    /// A change of presence that has lagged leaves the server, unless a snapshot has overtaken it.
    Presence(LinkId, u32, Down),
    /// A client's end of a socket finds out that the socket is dead.
    ClientNotices(LinkId),
    /// The server's end of a socket finds out that the socket is dead.
    ServerNotices(LinkId),
    /// Something in or between fake peer connections.
    Pc(PcId, PcEvent),
    /// Something that a connection of the Python SDK waits for.
    Python(Who, ConnectionId, Tick),
    /// The hub's deadline.
    ServerTimeout,
    /// A restarted server listens again.
    ServerUp,
    /// The next fault strikes.
    Fault,
    /// Faults end.
    Quiet,
    /// The world is looked over.
    Inspect,
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Instant,
    /// Which rule.
    pub invariant: &'static str,
    /// How.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Instant(ms) = self.at;
        write!(f, "{} at {}.{:03} s: {}", self.invariant, ms / 1000, ms % 1000, self.what)
    }
}

/// When time begins. Not at 0: the core must not take that for a moment at which something happened.
pub const START: Instant = Instant(1_000);

/// So many events of one moment are more than the largest room has when all come at once: time does not go on.
const EVENTS_OF_A_MOMENT: u64 = 1_000_000;

/// So many of the last of them say what goes round.
const ROUND: u64 = 1_000;

/// What was seen how often.
pub type Sights = BTreeMap<&'static str, u64>;

/// What everything in a world shares.
#[derive(Debug)]
pub struct Kernel {
    /// The time.
    pub now: Instant,
    /// Chance.
    pub dice: Dice,
    /// The record.
    pub trace: Trace,
    /// How many events there have been.
    pub events: u64,
    /// What was seen how often: whether a world is as rich as it should be.
    pub sights: Sights,
    queue: Queue<Event>,
    /// How many events this moment has had.
    of_this_moment: u64,
    /// What the last of them were, if they are too many, and how often.
    going_round: BTreeMap<String, u64>,
    violation: Option<Violation>,
}

impl Kernel {
    /// The beginning of time.
    pub fn new(seed: u64, print: bool) -> Self {
        Self {
            now: START,
            dice: Dice::new(seed),
            trace: Trace::new(print),
            events: 0,
            sights: Sights::new(),
            queue: Queue::default(),
            of_this_moment: 0,
            going_round: BTreeMap::new(),
            violation: None,
        }
    }

    /// Lets an event happen after so many milliseconds.
    pub fn after(&mut self, ms: u64, event: Event) {
        self.queue.push(self.now.after(ms), event);
    }

    /// Lets an event happen after a random while.
    pub fn soon(&mut self, range: (u64, u64), event: Event) {
        let ms = self.dice.between(range);
        self.after(ms, event);
    }

    /// Lets an event happen at a time, or at once if that is past.
    pub fn at(&mut self, at: Instant, event: Event) {
        self.queue.push(at.max(self.now), event);
    }

    /// Goes on to the next event.
    pub fn advance(&mut self) -> Option<Event> {
        let (at, event) = self.queue.pop()?;
        self.of_this_moment = if at == self.now { self.of_this_moment + 1 } else { 0 };
        self.now = at;
        self.events += 1;
        if self.of_this_moment > EVENTS_OF_A_MOMENT - ROUND {
            self.goes_round(&event);
        }
        Some(event)
    }

    fn goes_round(&mut self, event: &Event) {
        let name = format!("{event:?}").chars().take(80).collect();
        *self.going_round.entry(name).or_default() += 1;
        if self.of_this_moment >= EVENTS_OF_A_MOMENT {
            let mut often: Vec<_> = std::mem::take(&mut self.going_round).into_iter().collect();
            often.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            often.truncate(5);
            self.violated("time goes on", format!("of the last {ROUND} events of this moment: {often:?}"));
        }
    }

    /// Adds a line to the record.
    pub fn note(&mut self, line: fmt::Arguments<'_>) {
        self.trace.line(self.now, line);
    }

    /// Counts something worth seeing.
    pub fn saw(&mut self, sight: &'static str) {
        *self.sights.entry(sight).or_default() += 1;
    }

    /// Says that a rule was broken. The first time counts: the rest may follow from it.
    pub fn violated(&mut self, invariant: &'static str, what: String) {
        if self.violation.is_none() {
            self.note(format_args!("VIOLATED {invariant}: {what}"));
            self.violation = Some(Violation { at: self.now, invariant, what });
        }
    }

    /// The rule that was broken, if one was.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }
}

/// A close code, for the record.
pub fn show_code(code: CloseCode) -> u16 {
    code.0
}

/// A socket, for the record.
pub fn show_socket(socket: SocketId) -> u32 {
    socket.0
}
