//! What kind of world a seed makes.

mod habits;
mod mischief;

pub use habits::Habits;
pub use mischief::Mischief;

use metered_server::Limits;

use crate::dice::Dice;

/// What is not drawn from the seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Whether the record is printed.
    pub print: bool,
    /// How many clients there are, if not as many as the seed says.
    pub clients: Option<usize>,
    /// What they are, if not both in turn.
    pub role: Option<Role>,
}

/// A range of milliseconds, both ends included.
pub type Range = (u64, u64);

/// Which of two peers opens the data channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// Both, so that their offers meet.
    Both,
    /// The one with the lower id, which is the polite one.
    Lower,
    /// The one with the higher id.
    Higher,
}

/// Which `RTCPeerConnection` a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// A browser's: a remote offer over one's own rolls back by itself.
    Browser,
    /// `@roamhq/wrtc`: only an explicit rollback does.
    ExplicitRollback,
}

/// What a client is programmed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// This project's package.
    Ours,
    /// Something like the official SDK for JavaScript: it knows nothing of sessions and has new connections after every
    /// reconnect. The rest is as ours.
    JavaScript,
    /// Something like the official SDK for Python: the same, and its connections are as `client/python.rs` says.
    Python,
}

/// What the clients of a world are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A `MeteredPeer` each, all in one room.
    Peer,
    /// A `SignallingClient` each.
    Client,
}

/// How a client authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A publishable key: a new peer id at every connect.
    Key,
    /// Tokens with this `sub`: the same peer id at every connect.
    Token(String),
}

/// One client's part.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// How it authenticates.
    pub login: Login,
    /// What its connections can.
    pub stack: Stack,
    /// When it starts.
    pub start: u64,
    /// How it is configured.
    pub habits: Habits,
    /// What it is programmed with.
    pub sdk: Sdk,
}

/// The knobs of a world, all drawn from its seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the clients are.
    pub role: Role,
    /// The clients.
    pub clients: Vec<ClientPlan>,
    /// Who opens data channels.
    pub opener: Opener,
    /// How long a frame takes from one end of a socket to the other.
    pub latency: Range,
    /// Percent of frames that take up to two seconds longer.
    pub spikes: u64,
    /// How long a step of a negotiation takes.
    pub step: Range,
    /// When candidates are found, from the beginning of `setLocalDescription`.
    pub gathering: Range,
    /// How many candidates there are.
    pub candidates: Range,
    /// Whether both sides of a connection need the last candidate of the other, as if only relays worked.
    /// Otherwise any of either side is enough, since the other learns its address from the packets.
    pub strict_candidates: bool,
    /// How late a timer may ring, as in a background tab.
    pub lateness: u64,
    /// Whether objects that the driver closed still report for a while.
    pub sloppy_driver: bool,
    /// Whether the application calls methods from inside its handlers.
    pub reentrant: bool,
    /// Percent of subscribe answers that come after their snapshot.
    pub swapped_acks: u64,
    /// How long changes of presence lag behind everything else, as on a server of several nodes.
    pub presence_lag: Range,
    /// How long the server keeps a session whose socket broke; 0 for a server that keeps none.
    ///
    /// That is also so where changes of presence lag: a server that numbers what it sends keeps to its order.
    pub resume_grace: u64,
    /// Until when faults strike.
    pub quiet_at: u64,
    /// Time between faults. Empty for a world without.
    pub fault_gap: Option<Range>,
    /// Percent of handshakes that are refused while faults strike.
    pub refusals: u64,
    /// Percent of token requests that fail while faults strike.
    pub token_failures: u64,
    /// Time between the things an application does; `None` for an application that only listens.
    pub act_gap: Option<Range>,
    /// Whether applications close and come back.
    pub comings_and_goings: bool,
    /// What happens to frames that should not. Only to those of bare clients.
    pub mischief: Mischief,
    /// How many frames a session keeps to be sent again: who has missed more starts afresh. 0 for all there are.
    pub kept_frames: usize,
    /// How many channels the server allows each connection.
    pub channels: u32,
    /// Whether one of the channels is out of everybody's reach.
    pub forbidden_channel: bool,
    /// Whether pages fall asleep now and then.
    pub sleeps: bool,
    /// Percent of signals that get lost on their way to the server, and of those that come there twice, while faults
    /// strike.
    pub lost_signals: u64,
    /// See [`Plan::lost_signals`].
    pub repeated_signals: u64,
    /// Whether nothing breaks but the signalling, for less time than the server keeps sessions.
    pub steady: bool,
}

impl Plan {
    /// Whether nothing ever goes wrong: no fault strikes, nobody leaves, and nobody breaks a connection over two offers
    /// that met.
    pub fn is_perfect(&self) -> bool {
        self.is_calm() && !self.comings_and_goings && !self.has_python()
    }

    /// Whether somebody has the Python SDK.
    pub fn has_python(&self) -> bool {
        self.clients.iter().any(|client| client.sdk == Sdk::Python)
    }

    /// The plan of a world.
    pub fn draw(dice: &mut Dice, role: Role, settings: Settings) -> Self {
        let count = match dice.below(20) {
            0 => 16,
            1..6 => 2,
            _ => dice.between((2, 8)) as usize,
        };
        let count = settings.clients.unwrap_or(count);
        // Mixed in most worlds; all of one kind in some, where the odds of rare encounters are better.
        let keys = *dice.pick(&[0, 30, 50, 70, 100]);
        let explicit = *dice.pick(&[0, 50, 100]);
        let spread = *dice.pick(&[0, 500, 10_000]);
        let official = *dice.pick(&[0, 0, 30, 100]);
        let python = if role == Role::Peer { *dice.pick(&[0, 50, 100]) } else { 0 };
        let clients = (0..count)
            .map(|_| ClientPlan {
                sdk: match role {
                    Role::Peer if dice.percent(official) => {
                        if dice.percent(python) {
                            Sdk::Python
                        } else {
                            Sdk::JavaScript
                        }
                    }
                    Role::Peer | Role::Client => Sdk::Ours,
                },
                login: if dice.percent(keys) { Login::Key } else { Login::Token(dice.hex()) },
                stack: if dice.percent(explicit) { Stack::ExplicitRollback } else { Stack::Browser },
                start: dice.between((0, spread)),
                habits: Habits::default(),
            })
            .collect();
        let calm = dice.percent(10);
        let presence_lag = *dice.pick(&[(0, 0), (0, 0), (0, 50), (0, 2_000)]);
        let resume_grace = *dice.pick(&[0, 1_000, 15_000, 15_000, 60_000]);
        // A large room makes a hundred times the traffic of a small one.
        let faults = if count > 8 { (5_000, 20_000) } else { (5_000, 60_000) };
        let plan = Self {
            role,
            clients,
            opener: *dice.pick(&[Opener::Both, Opener::Both, Opener::Lower, Opener::Higher]),
            latency: *dice.pick(&[(0, 0), (1, 5), (5, 60), (20, 300)]),
            spikes: *dice.pick(&[0, 0, 2]),
            step: *dice.pick(&[(0, 0), (0, 10), (1, 200)]),
            gathering: *dice.pick(&[(0, 0), (0, 50), (0, 2_000)]),
            candidates: *dice.pick(&[(1, 1), (1, 4), (3, 6)]),
            strict_candidates: dice.percent(50),
            lateness: *dice.pick(&[0, 0, 20, 1_000]),
            sloppy_driver: dice.percent(50),
            reentrant: dice.percent(50),
            swapped_acks: *dice.pick(&[0, 30, 100]),
            presence_lag,
            resume_grace: if presence_lag == (0, 0) { resume_grace } else { 0 },
            quiet_at: dice.between(faults),
            fault_gap: if calm {
                None
            } else {
                Some(*dice.pick(&[(50, 500), (200, 3_000), (1_000, 10_000)]))
            },
            refusals: if calm { 0 } else { *dice.pick(&[0, 10, 40]) },
            token_failures: if calm { 0 } else { *dice.pick(&[0, 10, 40]) },
            act_gap: *dice.pick(&[None, Some((100, 1_000)), Some((1_000, 10_000))]),
            comings_and_goings: dice.percent(40),
            mischief: Mischief::default(),
            kept_frames: Limits::default().resume_session_frames,
            channels: Limits::default().channels_per_connection,
            forbidden_channel: false,
            sleeps: false,
            lost_signals: *dice.pick(&[0, 0, 0, 1, 10]),
            repeated_signals: *dice.pick(&[0, 0, 0, 1, 10]),
            steady: false,
        };
        match role {
            Role::Client => plan.for_bare_clients(dice),
            Role::Peer if dice.percent(15) => plan.steady(),
            Role::Peer if plan.has_python() => plan.with_python(),
            Role::Peer => plan,
        }
    }

    /// A room that somebody with the Python SDK is in. Nobody comes back to it under the same name without a session: who
    /// has not been seen to leave meanwhile and has lost an offer of Python's, or their answer to it, is waited for in vain,
    /// since that SDK makes no offer twice and takes none while its own waits.
    fn with_python(mut self) -> Self {
        self.clients.iter_mut().for_each(|client| client.login = Login::Key);
        self
    }

    /// A room of so many browsers in which nothing goes wrong. All come at once, but the last one, who comes after so many
    /// milliseconds.
    pub fn mesh(count: usize, last_after: u64) -> Self {
        let clients = (1..=count).map(|nth| ClientPlan {
            sdk: Sdk::Ours,
            login: Login::Key,
            stack: Stack::Browser,
            start: if nth == count { last_after } else { 0 },
            habits: Habits::default(),
        });
        Self {
            role: Role::Peer,
            clients: clients.collect(),
            opener: Opener::Lower,
            latency: (1, 5),
            spikes: 0,
            step: (0, 2),
            gathering: (0, 5),
            candidates: (2, 2),
            strict_candidates: false,
            lateness: 0,
            sloppy_driver: false,
            reentrant: false,
            swapped_acks: 0,
            presence_lag: (0, 0),
            resume_grace: 15_000,
            quiet_at: 0,
            fault_gap: None,
            refusals: 0,
            token_failures: 0,
            act_gap: None,
            comings_and_goings: false,
            mischief: Mischief::default(),
            kept_frames: Limits::default().resume_session_frames,
            channels: Limits::default().channels_per_connection,
            forbidden_channel: false,
            sleeps: false,
            lost_signals: 0,
            repeated_signals: 0,
            steady: false,
        }
    }

    /// What only a room has in which just the signalling breaks.
    fn steady(mut self) -> Self {
        for client in &mut self.clients {
            client.sdk = Sdk::Ours;
        }
        Self {
            steady: true,
            presence_lag: (0, 0),
            // Longer than two clients, one after the other, take to find a silent socket dead and to come back: the second
            // cannot know that the first, whom it misses, has come back meanwhile.
            resume_grace: 150_000,
            // Nor would those who wait for an answer know of somebody else's session that could not go on.
            kept_frames: 0,
            quiet_at: self.quiet_at + 60_000,
            fault_gap: self.fault_gap.map(|_| (10_000, 40_000)),
            refusals: 0,
            token_failures: 0,
            lost_signals: 0,
            comings_and_goings: false,
            ..self
        }
    }

    /// What only worlds of bare clients have.
    fn for_bare_clients(mut self, dice: &mut Dice) -> Self {
        for client in &mut self.clients {
            client.habits = Habits::draw(dice);
        }
        let act_gap = *dice.pick(&[self.act_gap, Some((20, 300)), Some((100, 1_000)), Some((500, 4_000))]);
        let faults = if self.clients.len() > 8 { (10_000, 40_000) } else { (20_000, 150_000) };
        Self {
            act_gap,
            quiet_at: dice.between(faults),
            mischief: if self.is_calm() { Mischief::default() } else { Mischief::draw(dice) },
            // Without a bound, or with one that everybody meets: nobody could say how close to a thousand they come.
            kept_frames: *dice.pick(&[0, 0, 5]),
            channels: *dice.pick(&[self.channels, self.channels, 2]),
            forbidden_channel: dice.percent(30),
            sleeps: !self.is_calm() && dice.percent(50),
            ..self
        }
    }

    /// Whether no fault ever strikes.
    fn is_calm(&self) -> bool {
        self.fault_gap.is_none()
    }
}
