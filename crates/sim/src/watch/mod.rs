//! The watch over one client: what must hold whatever happens.
//!
//! The watch sees what the driver sees, that is every input and every output, and never looks into the core. Each
//! room holds one rule and a model of it that is as naive as can be.

mod backoff;
mod calls;
mod connections;
mod messages;
mod presence;
mod remotes;
mod returns;
mod roster;
mod silence;
mod sockets;
mod states;
mod tokens;
mod wishes;

pub use backoff::Backoff;
pub use calls::Calls;
pub use connections::Connections;
pub use messages::Messages;
pub use presence::Presence;
pub use remotes::Remotes;
pub use returns::Returns;
pub use roster::Roster;
pub use silence::Silence;
pub use sockets::Sockets;
pub use states::Chain;
pub use tokens::Tokens;
pub use wishes::{Wish, Wishes};

use metered_core::{Core, Instant, RoomState, SocketId};
use metered_protocol::{CloseCode, Retry};
use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};
use crate::plan::{ClientPlan, Login, Role};

/// All rules of one client's life.
#[derive(Debug)]
pub struct Watch {
    /// Every call settles exactly once, in time.
    pub calls: Calls,
    /// The states of the room, or of the client, follow each other as drawn.
    pub state: Chain,
    /// `connected` and `disconnected` tell the truth.
    pub connections: Connections,
    /// Subscriptions converge to what the application asked for.
    pub wishes: Wishes,
    /// At most one socket is listened to, and none is written to that is gone.
    pub sockets: Sockets,
    /// Attempts come neither too early nor too late.
    pub backoff: Backoff,
    /// A connection is left for its silence when that has lasted.
    pub silence: Silence,
    /// A token is renewed in time and once.
    pub tokens: Tokens,
    /// Who is in which channel, to an application that follows.
    pub presence: Presence,
    /// The socket that has been welcomed.
    connected: Option<SocketId>,
    /// The roster is what the server's presence says.
    pub roster: Roster,
    /// Messages come once each.
    pub messages: Messages,
    /// Remotes come and go in order, and nothing is said about those that are gone.
    pub remotes: Remotes,
    /// Who was seen to leave keeps no connection.
    pub returns: Returns,
    role: Role,
}

impl Watch {
    /// The watch over a new core.
    pub fn new(role: Role, plan: &ClientPlan, lateness: u64) -> Self {
        let habits = &plan.habits;
        let renews = matches!(plan.login, Login::Token(_)) && habits.reconnect.is_some();
        let is_good = habits.provider_ms.1 <= 500 && !habits.caches_token;
        Self {
            role,
            calls: Calls::default(),
            state: match role {
                Role::Peer => Chain::room(),
                Role::Client => Chain::client(),
            },
            connections: Connections::default(),
            wishes: Wishes::new(habits.auto_resubscribe),
            sockets: Sockets::default(),
            backoff: Backoff::new(habits.reconnect),
            silence: Silence::new(habits.inactivity_ms, lateness),
            tokens: Tokens::new(if renews { habits.refresh_ms } else { 0 }, lateness, is_good),
            presence: Presence::default(),
            connected: None,
            roster: Roster::default(),
            messages: Messages::default(),
            remotes: Remotes::default(),
            returns: Returns::default(),
        }
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// Something is about to be handed in, frame or not, from the socket that the core listens to.
    pub fn heard(&mut self, kernel: &mut Kernel) {
        if self.is_connected() {
            self.silence.heard(kernel.now);
        }
    }

    /// A frame is about to be handed in, from the socket that the core listens to.
    pub fn frame(
        &mut self,
        kernel: &mut Kernel,
        lateness: u64,
        socket: SocketId,
        frame: &Json,
        channel: &str,
    ) {
        self.heard(kernel);
        match frame["type"].as_str() {
            // A second one means nothing.
            Some("welcome") if self.is_connected() => {}
            Some("welcome") => self.welcomed(kernel, lateness, socket, frame),
            Some("ack") => self.wishes.agreed(frame["requestId"].as_str().unwrap_or_default()),
            Some("presence") if frame["channel"] == channel => self.roster.presence(frame),
            Some("message" | "direct") if self.role == Role::Client => {
                self.messages.arriving(frame, Some(true))
            }
            Some("message") if frame["channel"] == channel => {
                self.messages.arriving(frame, self.roster.contains(&frame["from"]));
            }
            Some("direct") if frame["data"]["type"].is_null() => {
                self.messages.arriving(frame, self.roster.contains(&frame["from"]));
            }
            Some("error") => match frame["requestId"].as_str() {
                Some(id) if self.wishes.refused(id) => kernel.saw("subscription that was refused late"),
                Some(_) => {}
                None => kernel.violated("the server understands every frame", frame.to_string()),
            },
            _ => {}
        }
    }

    fn welcomed(&mut self, kernel: &mut Kernel, lateness: u64, socket: SocketId, welcome: &Json) {
        let resumed = welcome["resumed"] == true;
        self.connected = Some(socket);
        self.backoff.welcomed();
        self.roster.welcomed(kernel.now, lateness, welcome);
        self.returns.welcomed(kernel.now, welcome, &self.remotes);
        self.connections.welcomed(welcome);
        self.wishes.welcomed(kernel.now, resumed);
        self.presence.welcomed(resumed);
        self.silence.heard(kernel.now);
        self.tokens.welcomed(kernel.now, welcome);
    }

    /// The core closes a socket.
    pub fn closes(&mut self, kernel: &mut Kernel, who: Who, socket: SocketId, code: CloseCode, reason: &str) {
        if !self.sockets.closed(socket) {
            return;
        }
        match (code, reason) {
            (CloseCode::CLIENT_INACTIVITY, "inactivity timeout") => {
                kernel.saw("inactivity timeout");
                self.silence.left(kernel, who);
                self.backoff.lost(kernel.now, code);
            }
            (CloseCode::CLIENT_INACTIVITY, "no welcome") => {
                kernel.saw("no welcome");
                self.backoff.lost(kernel.now, code);
            }
            (CloseCode::TOKEN_EXPIRED, "token refresh") => {
                kernel.saw("connection with a new token");
                self.tokens.replaced(kernel, who);
            }
            _ => {}
        }
        self.disconnected(kernel, who, CloseCode::NORMAL);
    }

    /// A socket reports its end.
    pub fn closed(&mut self, kernel: &mut Kernel, who: Who, socket: SocketId, code: CloseCode) {
        if !self.sockets.closed(socket) {
            return;
        }
        match code.retry() {
            Retry::Never => self.backoff.end(),
            _ => self.backoff.lost(kernel.now, code),
        }
        self.disconnected(kernel, who, code);
    }

    fn disconnected(&mut self, kernel: &mut Kernel, who: Who, code: CloseCode) {
        if self.connected.take().is_some() {
            self.returns.lost(kernel.now);
        }
        self.silence.over();
        self.tokens.closed(kernel, who, code);
    }

    /// The page has slept until now.
    pub fn slept(&mut self, now: Instant, ms: u64) {
        self.calls.slept(ms);
        self.backoff.slept(now, ms);
        self.silence.slept(now, ms);
        self.tokens.slept(ms);
    }

    /// Looks for what should have happened by now.
    pub fn inspect(&self, kernel: &mut Kernel, who: Who, lateness: u64) {
        self.calls.inspect(kernel, who, lateness);
        self.backoff.inspect(kernel, who, lateness);
        self.silence.inspect(kernel, who);
        self.tokens.inspect(kernel, who);
    }

    /// An input has been handled and all its outputs carried out.
    pub fn settled(&mut self, kernel: &mut Kernel, who: Who, core: &Core<Json>) {
        match self.role {
            Role::Client => {
                self.messages.settled(kernel, who, true);
                let state = core.signalling_state().as_str();
                self.state.is_now(kernel, who, state);
                self.connections.settled(kernel, who, state);
            }
            Role::Peer => {
                let state = core.room_state();
                let is_in_room = matches!(state, RoomState::Joined | RoomState::Reconnecting);
                self.messages.settled(kernel, who, is_in_room);
                self.state.is_now(kernel, who, state.as_str());
                if is_in_room {
                    self.roster.compare(kernel, who, core);
                } else if matches!(state, RoomState::Idle | RoomState::Closed) {
                    self.roster.forget();
                    if core.remotes().next().is_some() {
                        let what = format!("{who} has remotes without a room");
                        kernel.violated("the roster is the server's", what);
                    }
                }
            }
        }
    }
}
