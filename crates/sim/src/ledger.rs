//! What the server owes to whom.
//!
//! A naive model of the server's sessions, kept from what goes into the hub and what comes out of it: who is
//! subscribed to what, and which messages each session has been addressed and its application has not seen. A
//! message is owed from the moment the server acknowledges it, socket or no socket; a session that is resumed goes on
//! owing, one that is over is forgiven.

use std::collections::{BTreeMap, VecDeque};

use metered_core::Instant;
use metered_protocol::{Channel, CloseCode, Retry};
use metered_server::hub::{Frame, Output};
use serde_json::Value as Json;

use crate::kernel::Kernel;
use crate::network::LinkId;
use crate::plan::{Plan, Role};

const LOSES_NOTHING: &str = "a session loses, repeats and reorders nothing";
const IS_RESUMED: &str = "a session is resumed within its grace and not after";
const NO_FLAP: &str = "nobody sees a peer leave whose session stands";

/// The account of a client that has dropped a frame and cannot tell which it was.
const LOST_COUNT: &str = "&seen=18446744073709551615";

/// What was done to the hub.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// A socket has been opened with this address.
    Arrival(LinkId, &'a str),
    /// A frame has come.
    Frame(LinkId, &'a str),
    /// A socket is gone.
    Gone(LinkId, CloseCode),
    /// Something else.
    Else,
}

/// All sessions there ever were.
#[derive(Debug)]
pub struct Ledger {
    grace: u64,
    /// Whether a session keeps all that its client misses.
    keeps_all: bool,
    is_kept: bool,
    sessions: BTreeMap<u64, Session>,
    /// The session that a link serves or has served.
    links: BTreeMap<LinkId, u64>,
}

#[derive(Debug)]
struct Session {
    peer: String,
    channels: BTreeMap<Channel, bool>,
    owed: VecDeque<String>,
    link: LinkId,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Attached,
    /// Without a socket, until then.
    Detached(Instant),
    /// The server closed it for good, but could take it back.
    Doubtful,
    Over,
}

impl Session {
    fn stands(&self, now: Instant) -> bool {
        match self.life {
            Life::Attached => true,
            Life::Detached(until) => now < until,
            Life::Doubtful | Life::Over => false,
        }
    }
}

impl Ledger {
    /// An empty one.
    pub fn new(plan: &Plan) -> Self {
        Self {
            grace: plan.resume_grace,
            keeps_all: plan.kept_frames == 0,
            is_kept: plan.role == Role::Client,
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }

    /// Something was done to the hub, which answered this.
    pub fn enter(&mut self, kernel: &mut Kernel, told: Told<'_>, outputs: &[Output]) {
        if !self.is_kept {
            return;
        }
        let mut back = None;
        match told {
            Told::Arrival(link, url) => self.arrived(kernel, link, url, outputs),
            Told::Frame(link, text) => back = self.asked(kernel.now, link, text, outputs),
            Told::Gone(link, code) => self.gone(kernel.now, link, code),
            Told::Else => {}
        }
        let arrives = if let Told::Arrival(LinkId(link), _) = told { Some(link) } else { None };
        for output in outputs {
            match output {
                Output::Close { conn, code, .. } => self.gone(kernel.now, LinkId(conn.0), *code),
                // What a session has missed is about the past.
                Output::Send { conn, .. } if arrives == Some(conn.0) => {}
                Output::Send { frame, .. } if frame.contains(r#""left":[{"#) => {
                    self.left(kernel, frame, back.as_ref());
                }
                Output::Send { .. } => {}
            }
        }
    }

    /// The server has forgotten everything.
    pub fn restarted(&mut self) {
        self.sessions.values_mut().for_each(|session| session.life = Life::Over);
    }

    fn arrived(&mut self, kernel: &mut Kernel, link: LinkId, url: &str, outputs: &[Output]) {
        let Some(welcome) = outputs.iter().find_map(|output| sent_to(output, link)) else { return };
        let welcome: Json = serde_json::from_str(welcome).unwrap_or_default();
        let peer = welcome["peerId"].as_str().unwrap_or_default().to_owned();
        let claim = url.split_once("&resume=").and_then(|(_, token)| token.split('.').next()?.parse().ok());
        let claimed = claim.and_then(|id| Some((id, self.sessions.get_mut(&id)?)));
        let Some((id, old)) = claimed.filter(|(_, old)| old.life != Life::Over) else {
            if welcome["resumed"] == true {
                kernel.violated(IS_RESUMED, format!("{link:?} is given a session that is over"));
            }
            return self.begin(link, peer);
        };
        if welcome["resumed"] != true {
            kernel.saw("could not be resumed");
            if old.stands(kernel.now) && self.keeps_all && !url.ends_with(LOST_COUNT) {
                kernel.violated(IS_RESUMED, format!("{link:?} starts afresh, it was {old:?}"));
            }
            old.life = Life::Over;
            return self.begin(link, peer);
        }
        if old.peer != peer || matches!(old.life, Life::Detached(until) if until <= kernel.now) {
            kernel.violated(IS_RESUMED, format!("{link:?} is given the session {old:?}"));
        }
        kernel.saw(if old.owed.is_empty() { "resumed" } else { "resumed with messages that were missed" });
        (old.life, old.link) = (Life::Attached, link);
        self.links.insert(link, id);
    }

    fn begin(&mut self, link: LinkId, peer: String) {
        let (channels, owed) = (BTreeMap::new(), VecDeque::new());
        let LinkId(id) = link;
        self.sessions.insert(id, Session { peer, channels, owed, link, life: Life::Attached });
        self.links.insert(link, id);
    }

    /// A request counts if it is acknowledged. Answers who has come to which channel by it.
    fn asked(
        &mut self,
        now: Instant,
        link: LinkId,
        text: &str,
        outputs: &[Output],
    ) -> Option<(String, Channel)> {
        let request: Json = serde_json::from_str(text).unwrap_or_default();
        let ack = format!(r#"{{"type":"ack","requestId":{}}}"#, request["requestId"]);
        if !outputs.iter().any(|output| sent_to(output, link) == Some(&ack)) {
            return None;
        }
        let own = self.links.get(&link).copied()?;
        let channel = request["channel"].as_str().and_then(|name| Channel::parse(name).ok());
        let data = request["data"].to_string();
        match (request["type"].as_str(), channel, self.sessions.get_mut(&own)) {
            (Some("subscribe"), Some(channel), Some(session)) => {
                let peer = session.peer.clone();
                let was_there = self.is_there(now, &peer, channel.as_str()).is_some();
                let session = self.sessions.get_mut(&own)?;
                session.channels.insert(channel.clone(), request["includeSenderMetadata"] == true);
                return (!was_there).then_some((peer, channel));
            }
            (Some("unsubscribe"), Some(channel), Some(session)) => {
                session.channels.remove(&channel);
            }
            (Some("publish"), Some(channel), _) => {
                self.owe(now, &data, |id, session| id != own && session.channels.contains_key(&channel));
            }
            (Some("send"), ..) => self.owe(now, &data, |_, session| request["to"] == *session.peer),
            _ => {}
        }
        None
    }

    /// A session with which a peer is in a channel.
    fn is_there(&self, now: Instant, peer: &str, channel: &str) -> Option<&Session> {
        self.sessions.values().find(|session| {
            session.peer == peer
                && session.stands(now)
                && session.channels.keys().any(|subscribed| subscribed.as_str() == channel)
        })
    }

    fn owe(&mut self, now: Instant, data: &str, to: impl Fn(u64, &Session) -> bool) {
        for (id, session) in &mut self.sessions {
            if (session.stands(now) || session.life == Life::Doubtful) && to(*id, session) {
                session.owed.push_back(data.to_owned());
            }
        }
    }

    fn gone(&mut self, now: Instant, link: LinkId, code: CloseCode) {
        let session = self.links.get(&link).and_then(|id| self.sessions.get_mut(id));
        let Some(session) = session.filter(|session| session.link == link && session.stands(now)) else {
            return;
        };
        let turned_away = [CloseCode::GOING_AWAY, CloseCode::POLICY_VIOLATION, CloseCode::MESSAGE_TOO_BIG];
        if self.grace == 0 || code == CloseCode::NORMAL {
            session.life = Life::Over;
        } else if code.retry() == Retry::Never || turned_away.contains(&code) {
            session.life = Life::Doubtful;
        } else if session.life == Life::Attached {
            session.life = Life::Detached(now.after(self.grace));
        }
    }

    /// Somebody is told that peers have left. Of one who is back before that was told, it is told now.
    fn left(&self, kernel: &mut Kernel, frame: &Frame, back: Option<&(String, Channel)>) {
        let presence: Json = serde_json::from_str(frame).unwrap_or_default();
        let channel = presence["channel"].as_str().unwrap_or_default();
        for peer in presence["left"].as_array().into_iter().flatten() {
            let peer = peer["peerId"].as_str().unwrap_or_default();
            let is_back = back.is_some_and(|(id, where_to)| id == peer && where_to.as_str() == channel);
            if let Some(session) = self.is_there(kernel.now, peer, channel).filter(|_| !is_back) {
                kernel.violated(NO_FLAP, format!("{presence}, but there is {session:?}"));
            }
        }
    }

    // ---- what becomes of it

    /// A message has surfaced at the client that has this link.
    pub fn paid(&mut self, kernel: &mut Kernel, link: LinkId, data: &Json) {
        let session = self.links.get(&link).and_then(|id| self.sessions.get_mut(id));
        let owed = session.and_then(|session| session.owed.pop_front());
        if owed.as_ref() != Some(&data.to_string()) {
            kernel.violated(LOSES_NOTHING, format!("{link:?} brought {data}, owed was {owed:?}"));
        }
    }

    /// What the server owes to the client that has this link.
    pub fn owed(&self, link: LinkId) -> usize {
        self.session(link).map_or(0, |session| session.owed.len())
    }

    /// The channels that the server has for this link, with their options.
    pub fn channels(&self, link: LinkId) -> BTreeMap<Channel, bool> {
        self.session(link).map(|session| session.channels.clone()).unwrap_or_default()
    }

    /// For the record of what went wrong.
    pub fn show(&self, link: LinkId) -> String {
        self.session(link).map_or_else(String::new, |session| {
            format!("{:?}, {} owed, {:?}", session.channels, session.owed.len(), session.life)
        })
    }

    fn session(&self, link: LinkId) -> Option<&Session> {
        self.sessions.get(self.links.get(&link)?)
    }
}

fn sent_to(output: &Output, link: LinkId) -> Option<&str> {
    match output {
        Output::Send { conn, frame } if conn.0 == link.0 => Some(frame),
        _ => None,
    }
}
