//! A driver that keeps everything the hub says.

use std::collections::BTreeMap;

use metered_protocol::{CloseCode, PeerId, RawJson};
use metered_server::hub::{Arrival, ConnId, Hub, Output, UnixMillis};
use metered_server::{Identity, Limits};
use serde_json::{Value, json};

/// When every world begins, in milliseconds.
pub(crate) const START: u64 = 1_700_000_000_000;

/// A hub, a clock, and what each connection has received.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) now: UnixMillis,
    inboxes: BTreeMap<ConnId, Vec<Value>>,
    closes: BTreeMap<ConnId, (u16, &'static str)>,
    last_conn: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    /// A world in which presence is told at once, so that what follows from what is easy to see.
    pub(crate) fn with(limits: Limits) -> Self {
        Self::ticking(Limits { presence_tick_ms: 0, ..limits })
    }

    pub(crate) fn ticking(limits: Limits) -> Self {
        Self {
            hub: Hub::new(limits),
            now: UnixMillis(START),
            inboxes: BTreeMap::new(),
            closes: BTreeMap::new(),
            last_conn: 0,
        }
    }

    /// Connects somebody and takes the welcome.
    pub(crate) fn connect_as(&mut self, identity: Identity) -> ConnId {
        self.arrive(identity.into()).0
    }

    /// Connects somebody and answers the welcome too.
    pub(crate) fn arrive(&mut self, arrival: Arrival) -> (ConnId, Value) {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.hub.connect(self.now, conn, arrival);
        self.drain();
        let welcome = self.inboxes.get_mut(&conn).unwrap().remove(0);
        assert_eq!(welcome["type"], "welcome");
        (conn, welcome)
    }

    /// A socket breaks, and the server finds out.
    pub(crate) fn lose(&mut self, conn: ConnId) {
        self.hub.disconnect(self.now, conn, CloseCode::ABNORMAL);
        self.drain();
    }

    /// Connects a peer that may do everything.
    pub(crate) fn connect(&mut self, peer: &str) -> ConnId {
        self.connect_as(identity(peer))
    }

    /// Connects a peer and subscribes it, taking the answers.
    pub(crate) fn join(&mut self, peer: &str, channel: &str) -> ConnId {
        let conn = self.connect(peer);
        self.subscribe(conn, channel);
        self.take(conn);
        conn
    }

    pub(crate) fn subscribe(&mut self, conn: ConnId, channel: &str) {
        self.say(conn, json!({"type": "subscribe", "channel": channel}));
    }

    /// Says a frame and carries out what follows.
    pub(crate) fn say(&mut self, conn: ConnId, frame: Value) {
        self.say_text(conn, &frame.to_string());
    }

    pub(crate) fn say_text(&mut self, conn: ConnId, text: &str) {
        self.hub.handle_frame(self.now, conn, text);
        self.drain();
    }

    /// Says a frame and answers the only frame that comes back.
    pub(crate) fn ask(&mut self, conn: ConnId, frame: Value) -> Value {
        self.say(conn, frame);
        let mut answers = self.take(conn);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// The client closes its socket for good.
    pub(crate) fn disconnect(&mut self, conn: ConnId) {
        self.hub.disconnect(self.now, conn, CloseCode::NORMAL);
        self.drain();
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now.0 += ms;
        self.hub.handle_timeout(self.now);
        self.drain();
    }

    /// What a connection has received since the last time.
    pub(crate) fn take(&mut self, conn: ConnId) -> Vec<Value> {
        self.inboxes.get_mut(&conn).map(std::mem::take).unwrap_or_default()
    }

    /// How a connection was closed, if it was.
    pub(crate) fn close_of(&self, conn: ConnId) -> Option<(u16, &'static str)> {
        self.closes.get(&conn).copied()
    }

    /// Carries out what the hub wants done.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { conn, frame } => {
                    assert!(!self.closes.contains_key(&conn), "nothing is sent after a close");
                    self.inboxes.entry(conn).or_default().push(serde_json::from_str(&frame).unwrap());
                }
                Output::Close { conn, code, reason } => {
                    assert!(reason.len() <= 123, "a close frame has no room for {reason:?}");
                    assert_eq!(self.closes.insert(conn, (code.0, reason)), None, "closed once");
                }
            }
        }
    }
}

pub(crate) fn identity(peer: &str) -> Identity {
    Identity::unrestricted(PeerId::parse(peer).unwrap())
}

/// A peer that may do everything and shows metadata.
pub(crate) fn named(peer: &str, name: &str) -> Identity {
    let metadata = RawJson::from_value(&json!({"name": name}));
    Identity { peer_metadata: Some(metadata), ..identity(peer) }
}

pub(crate) fn joined(channel: &str, peers: &[&str]) -> Value {
    presence(channel, peers, &[])
}

pub(crate) fn left(channel: &str, peers: &[&str]) -> Value {
    presence(channel, &[], peers)
}

fn presence(channel: &str, joined: &[&str], left: &[&str]) -> Value {
    let list = |peers: &[&str]| peers.iter().map(|peer| json!({"peerId": peer})).collect::<Vec<_>>();
    json!({"type": "presence", "channel": channel, "joined": list(joined), "left": list(left)})
}
