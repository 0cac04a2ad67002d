//! The sockets between clients and server.
//!
//! A link is one WebSocket. Each of its directions delays its frames and keeps their order. A link dies in
//! three ways: one of its ends closes it and the other hears of it, in order; or it is cut, which each end finds
//! out at a time of its own; or it goes silent and nobody finds out but by waiting in vain.

use std::collections::BTreeMap;

use metered_core::{Instant, SocketId};
use metered_protocol::CloseCode;
use metered_server::hub::Frame;

use crate::kernel::{Event, Kernel, Who, show_code, show_socket};
use crate::plan::{Plan, Range};

/// So long a link may stand still.
pub const STALL_MS: (u64, u64) = (500, 25_000);

/// A link's name; also the hub's name of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// What travels to the server.
#[derive(Clone, Debug)]
pub enum Up {
    /// A text frame.
    Frame(String),
    /// The close handshake's beginning.
    Close(CloseCode),
}

/// What travels to a client.
#[derive(Clone, Debug)]
pub enum Down {
    /// A text frame.
    Frame(Frame),
    /// A frame that is not JSON text.
    Garbage,
    /// The socket's end, and why.
    Close(CloseCode, &'static str),
}

/// How a link is cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Both ends find out soon.
    Both,
    /// The client finds out soon, the server only by its idle timeout.
    ClientFirst,
    /// The server finds out soon, the client only by its own watchdog.
    ServerFirst,
    /// Nobody finds out but by waiting.
    Silent,
}

/// How long an end takes to find out.
const SOON: Range = (0, 400);
const LATE: Range = (1_000, 90_000);

/// The client's end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEnd {
    /// Opening, or open.
    Live,
    /// The core has closed it.
    Closing,
    /// It has reported its end.
    Closed,
}

/// The server's end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEnd {
    /// The server has not heard of it.
    Unheard,
    /// The hub has the connection.
    Open,
    /// It is gone.
    Closed,
}

/// One socket.
#[derive(Debug)]
pub struct Link {
    /// Whose.
    pub who: Who,
    /// The core's name for it.
    pub socket: SocketId,
    /// What the client asked for, credential included.
    pub url: String,
    /// Whether the client watches it. Otherwise the operating system tells of its death, late.
    pub watched: bool,
    /// The state of one end.
    pub client: ClientEnd,
    /// The state of the other.
    pub server: ServerEnd,
    up: Direction,
    down: Direction,
    /// Until when it stands still, in one direction at least.
    stalled: Instant,
}

#[derive(Debug, Default)]
struct Direction {
    last: Instant,
    dead: bool,
}

impl Direction {
    /// When what is sent now arrives: not before what was sent before it.
    fn arrival(&mut self, kernel: &mut Kernel, plan: &Plan) -> Instant {
        let spike = if kernel.dice.percent(plan.spikes) { kernel.dice.between((0, 2_000)) } else { 0 };
        let at = kernel.now.after(kernel.dice.between(plan.latency) + spike);
        self.last = self.last.max(at);
        self.last
    }
}

/// All sockets that anybody still has an end of.
#[derive(Debug, Default)]
pub struct Network {
    links: BTreeMap<LinkId, Link>,
    last: u64,
}

impl Network {
    /// A client opens a socket.
    pub fn open(
        &mut self,
        kernel: &mut Kernel,
        plan: &Plan,
        who: Who,
        socket: SocketId,
        url: String,
        watched: bool,
    ) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        let mut link = Link {
            who,
            socket,
            url,
            watched,
            client: ClientEnd::Live,
            server: ServerEnd::Unheard,
            up: Direction::default(),
            down: Direction::default(),
            stalled: Instant::default(),
        };
        let at = link.up.arrival(kernel, plan);
        kernel.at(at, Event::Arrive(id));
        self.links.insert(id, link);
        id
    }

    /// A link that still exists.
    pub fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    /// The links that one could cut.
    pub fn live(&self) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| link.client == ClientEnd::Live).map(|(id, _)| *id).collect()
    }

    /// Whether a link takes frames both ways.
    pub fn is_whole(&self, id: LinkId) -> bool {
        self.links.get(&id).is_some_and(|link| {
            !link.up.dead
                && !link.down.dead
                && link.client == ClientEnd::Live
                && link.server == ServerEnd::Open
        })
    }

    /// Whether what has waited while a link stood still has only just arrived.
    pub fn brings_backlog(&self, id: LinkId, now: Instant) -> bool {
        self.links.get(&id).is_some_and(|link| now < link.stalled.after(2_000))
    }

    /// Whether one end of a link has yet to find out what became of the other, or of what is between them.
    pub fn has_undiscovered_ends(&self, now: Instant) -> bool {
        self.links.values().any(|link| {
            // What has waited until then is still under way.
            if link.client == ClientEnd::Live && now < link.stalled.after(3_000) {
                return true;
            }
            let alive = (link.client == ClientEnd::Live, link.server == ServerEnd::Open);
            let is_cut = link.up.dead || link.down.dead;
            match alive {
                (true, true) => is_cut,
                (true, false) => link.server == ServerEnd::Closed,
                (false, true) => true,
                (false, false) => false,
            }
        })
    }

    /// The server has heard of a link and took it. False if the link was cut before.
    pub fn accept(&mut self, id: LinkId) -> bool {
        match self.links.get_mut(&id) {
            Some(link) if !link.up.dead && link.server == ServerEnd::Unheard => {
                link.server = ServerEnd::Open;
                true
            }
            _ => false,
        }
    }

    /// Sends to the server.
    pub fn send_up(&mut self, kernel: &mut Kernel, plan: &Plan, id: LinkId, up: Up) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !link.up.dead {
            let at = link.up.arrival(kernel, plan);
            kernel.at(at, Event::Up(id, up));
        }
    }

    /// Sends to the client.
    pub fn send_down(&mut self, kernel: &mut Kernel, plan: &Plan, id: LinkId, down: Down) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if matches!(down, Down::Close(..)) {
            link.server = ServerEnd::Closed;
        }
        if !link.down.dead {
            let at = link.down.arrival(kernel, plan);
            kernel.at(at, Event::Down(id, down));
        }
        self.bury(id);
    }

    /// Sends to the client something that others may overtake.
    pub fn send_behind(&mut self, kernel: &mut Kernel, plan: &Plan, id: LinkId, down: Down, behind: u64) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.down.dead) else { return };
        let at = link.down.arrival(kernel, plan).after(behind);
        kernel.at(at, Event::Down(id, down));
    }

    /// The server turns a client away before there is a connection.
    pub fn refuse(&mut self, kernel: &mut Kernel, plan: &Plan, id: LinkId) {
        self.send_down(kernel, plan, id, Down::Close(CloseCode::ABNORMAL, ""));
    }

    /// Whether what was under way to the server still gets there.
    pub fn arrives_up(&self, id: LinkId) -> bool {
        self.links.get(&id).is_some_and(|link| !link.up.dead && link.server == ServerEnd::Open)
    }

    /// Whether what was under way to the client still gets there: whether the link still reports.
    pub fn arrives_down(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id).filter(|link| !link.down.dead && link.client != ClientEnd::Closed)
    }

    /// Whether something is still under way to the client, or waits where the link stands still.
    pub fn brings_news(&self, id: LinkId, now: Instant) -> bool {
        self.links.get(&id).is_some_and(|link| now <= link.down.last)
    }

    /// The core closes a socket.
    pub fn close(&mut self, kernel: &mut Kernel, plan: &Plan, id: LinkId, code: CloseCode) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.client != ClientEnd::Live {
            return;
        }
        link.client = ClientEnd::Closing;
        if link.server == ServerEnd::Unheard && kernel.dice.percent(50) {
            // Aborted in the middle of the handshake.
            self.cut(kernel, id, Cut::Both);
        } else {
            self.send_up(kernel, plan, id, Up::Close(code));
            // An answer that never comes is given up, as browsers do.
            kernel.soon((3_000, 20_000), Event::ClientNotices(id));
        }
    }

    /// A link stands still for a while, in one direction or both, and loses nothing.
    pub fn stall(&mut self, kernel: &mut Kernel, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let until = kernel.now.after(kernel.dice.between(STALL_MS));
        kernel.note(format_args!(
            "     stall {} socket {} until {}",
            link.who,
            show_socket(link.socket),
            until.0
        ));
        link.stalled = link.stalled.max(until);
        let (up, down) = *kernel.dice.pick(&[(true, true), (true, false), (false, true)]);
        for (direction, stalls) in [(&mut link.up, up), (&mut link.down, down)] {
            if stalls {
                direction.last = direction.last.max(until);
            }
        }
    }

    /// A link dies: from now on nothing gets through, in either direction.
    pub fn cut(&mut self, kernel: &mut Kernel, id: LinkId, cut: Cut) {
        let Some(link) = self.links.get_mut(&id) else { return };
        kernel.note(format_args!("     cut {} socket {}: {cut:?}", link.who, show_socket(link.socket)));
        link.up.dead = true;
        link.down.dead = true;
        let client = match cut {
            Cut::Both | Cut::ClientFirst => Some(SOON),
            Cut::ServerFirst => kernel.dice.percent(50).then_some(LATE),
            Cut::Silent => None,
        };
        let client = client.or((!link.watched).then_some(LATE));
        if let Some(range) = client {
            kernel.soon(range, Event::ClientNotices(id));
        }
        let server = if matches!(cut, Cut::Both | Cut::ServerFirst) { SOON } else { LATE };
        match link.server {
            ServerEnd::Open => kernel.soon(server, Event::ServerNotices(id)),
            ServerEnd::Unheard => link.server = ServerEnd::Closed,
            ServerEnd::Closed => {}
        }
    }

    /// The client's end is gone with the page that had it, and reports nothing.
    pub fn vanish(&mut self, kernel: &mut Kernel, id: LinkId) {
        let cut = *kernel.dice.pick(&[Cut::Both, Cut::ClientFirst]);
        self.cut(kernel, id, cut);
        if let Some(link) = self.links.get_mut(&id) {
            link.client = ClientEnd::Closed;
        }
        self.bury(id);
    }

    /// The server forgot the connection or never had it.
    pub fn server_closed(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.server = ServerEnd::Closed;
        }
        self.bury(id);
    }

    /// The client's end reports that it is closed. False if it had before.
    pub fn client_closed(
        &mut self,
        kernel: &mut Kernel,
        id: LinkId,
        code: CloseCode,
    ) -> Option<(Who, SocketId)> {
        let link = self.links.get_mut(&id).filter(|link| link.client != ClientEnd::Closed)?;
        link.client = ClientEnd::Closed;
        let (who, socket) = (link.who, link.socket);
        kernel.note(format_args!("{who} <= socket {} closed {}", show_socket(socket), show_code(code)));
        self.bury(id);
        Some((who, socket))
    }

    fn bury(&mut self, id: LinkId) {
        let gone = self
            .links
            .get(&id)
            .is_some_and(|link| link.client == ClientEnd::Closed && link.server == ServerEnd::Closed);
        if gone {
            self.links.remove(&id);
        }
    }
}
