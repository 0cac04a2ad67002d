//! The server: the real hub, and a driver that gives it sockets out of the virtual network.

use std::collections::BTreeMap;

use metered_core::Instant;
use metered_protocol::{Channel, CloseCode, PeerId, Secret};
use metered_server::hub::{Arrival, Claim, ConnId, Frame, Hub, Output, SessionId, Ticket, UnixMillis};
use metered_server::{Actions, ChannelPattern, Grants, Identity, Limits};

use crate::app::CHANNELS;
use crate::kernel::{Event, Kernel};
use crate::ledger::{Ledger, Told};
use crate::mischief::{self, PutOff};
use crate::network::{Cut, Down, LinkId, Network, Up};
use crate::plan::{Plan, Role};

/// The beginning of virtual time, by the server's clock: Unix milliseconds.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// The reason that an administrator gives.
const KICKED: &str = "kicked";

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It says that it goes away and closes every connection.
    Graceful,
    /// It is gone.
    Crash,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    limits: Limits,
    hub: Hub,
    listening: bool,
    /// While faults strike, it turns clients away now and then.
    troubled: bool,
    /// The hub's deadline that an event was made for.
    armed: Option<UnixMillis>,
    /// What it owes.
    pub ledger: Ledger,
    lags: BTreeMap<LinkId, Lag>,
    /// Changes of presence that have not left yet.
    lagging: usize,
    put_off: PutOff,
}

/// The changes of presence that have not left for one connection yet.
#[derive(Debug, Default)]
struct Lag {
    /// Rises with each snapshot: what is older is told by the snapshot.
    snapshots: u32,
    last: Instant,
}

impl Server {
    /// A server that listens.
    pub fn new(plan: &Plan) -> Self {
        let limits = Limits {
            resume_grace_ms: plan.resume_grace,
            // What a session keeps is counted in frames here.
            resume_session_bytes: 0,
            resume_session_frames: plan.kept_frames,
            channels_per_connection: plan.channels,
            ..Limits::default()
        };
        Self {
            ledger: Ledger::new(plan),
            limits,
            hub: Hub::new(limits),
            listening: true,
            troubled: plan.fault_gap.is_some(),
            armed: None,
            lags: BTreeMap::new(),
            lagging: 0,
            put_off: PutOff::default(),
        }
    }

    /// Faults have ended.
    pub fn calm_down(&mut self) {
        self.troubled = false;
    }

    /// The ids of a channel's peers: the truth that rosters are compared with.
    pub fn peers(&self, channel: &Channel) -> Vec<PeerId> {
        self.hub.channel_peers(channel).into_iter().map(|peer| peer.peer_id).collect()
    }

    /// Whether a change of presence has not left yet.
    pub fn is_lagging(&self) -> bool {
        self.lagging > 0
    }

    /// A handshake has come.
    pub fn arrive(&mut self, kernel: &mut Kernel, network: &mut Network, plan: &Plan, link: LinkId) {
        if !network.accept(link) {
            return;
        }
        if !self.listening {
            network.refuse(kernel, plan, link);
            return;
        }
        if self.troubled && kernel.dice.percent(plan.refusals) {
            match kernel.dice.below(8) {
                0..4 => network.refuse(kernel, plan, link),
                // Accepted by something in between, and never answered.
                4..6 => {
                    network.server_closed(link);
                    network.cut(kernel, link, Cut::Silent);
                }
                6 => {
                    let code = CloseCode::OVER_CONCURRENT_LIMIT;
                    network.send_down(kernel, plan, link, Down::Close(code, "over concurrent limit"));
                }
                _ => {
                    let code = CloseCode::POLICY_VIOLATION;
                    network.send_down(kernel, plan, link, Down::Close(code, "not now"));
                }
            }
            return;
        }
        let url = network.link(link).map(|link| link.url.clone()).unwrap_or_default();
        match authenticate(kernel, plan, &url, link) {
            Some(arrival) => {
                self.hub.connect(unix(kernel), ConnId(link.0), arrival);
                self.drain(kernel, network, plan, Told::Arrival(link, &url));
            }
            None => {
                let code = CloseCode::INVALID_TOKEN;
                network.send_down(kernel, plan, link, Down::Close(code, "invalid token"));
            }
        }
    }

    /// Something has come from a client.
    pub fn receive(
        &mut self,
        kernel: &mut Kernel,
        network: &mut Network,
        plan: &Plan,
        link: LinkId,
        up: &Up,
    ) {
        if !network.arrives_up(link) {
            return;
        }
        let told = match up {
            Up::Frame(text) if self.troubled && self.put_off.refuse(kernel, network, plan, link, text) => {
                return;
            }
            Up::Frame(text) => {
                self.hub.handle_frame(unix(kernel), ConnId(link.0), text);
                Told::Frame(link, text)
            }
            Up::Close(code) => {
                self.hub.disconnect(unix(kernel), ConnId(link.0), *code);
                network.send_down(kernel, plan, link, Down::Close(*code, ""));
                Told::Gone(link, *code)
            }
        };
        self.drain(kernel, network, plan, told);
    }

    /// The server finds out that a socket is dead.
    pub fn notice(&mut self, kernel: &mut Kernel, network: &mut Network, plan: &Plan, link: LinkId) {
        self.hub.disconnect(unix(kernel), ConnId(link.0), CloseCode::ABNORMAL);
        network.server_closed(link);
        self.drain(kernel, network, plan, Told::Gone(link, CloseCode::ABNORMAL));
    }

    /// An administrator removes a connection.
    pub fn kick(
        &mut self,
        kernel: &mut Kernel,
        network: &mut Network,
        plan: &Plan,
        link: LinkId,
        code: CloseCode,
    ) {
        self.hub.close(unix(kernel), ConnId(link.0), code, KICKED);
        self.drain(kernel, network, plan, Told::Gone(link, code));
    }

    /// The hub's deadline has come.
    pub fn timeout(&mut self, kernel: &mut Kernel, network: &mut Network, plan: &Plan) {
        self.hub.handle_timeout(unix(kernel));
        self.drain(kernel, network, plan, Told::Else);
    }

    /// The server ends, and begins anew after a while with nothing in mind.
    pub fn restart(&mut self, kernel: &mut Kernel, network: &mut Network, plan: &Plan, how: Restart) {
        if !self.listening {
            return;
        }
        kernel.note(format_args!("     server restart: {how:?}"));
        self.listening = false;
        if how == Restart::Graceful {
            self.hub.shutdown(kernel.dice.between((0, 2_000)), 1000);
            self.drain(kernel, network, plan, Told::Else);
        }
        for link in network.live() {
            let cuts: &[Cut] =
                if plan.steady { &[Cut::Both] } else { &[Cut::Both, Cut::Both, Cut::Both, Cut::Silent] };
            let cut = *kernel.dice.pick(cuts);
            if how == Restart::Crash {
                network.server_closed(link);
                network.cut(kernel, link, cut);
            }
        }
        self.hub = Hub::new(self.limits);
        self.ledger.restarted();
        kernel.soon((0, 8_000), Event::ServerUp);
    }

    /// The restarted server listens again.
    pub fn listen(&mut self, kernel: &mut Kernel) {
        kernel.note(format_args!("     server listens"));
        self.listening = true;
    }

    /// A change of presence leaves at last.
    pub fn lagged(
        &mut self,
        kernel: &mut Kernel,
        network: &mut Network,
        plan: &Plan,
        link: LinkId,
        snapshots: u32,
        down: Down,
    ) {
        self.lagging -= 1;
        if self.lags.get(&link).is_some_and(|lag| lag.snapshots == snapshots) {
            network.send_down(kernel, plan, link, down);
        }
    }

    fn drain(&mut self, kernel: &mut Kernel, network: &mut Network, plan: &Plan, told: Told<'_>) {
        let mut outputs: Vec<Output> = std::iter::from_fn(|| self.hub.poll_output()).collect();
        self.ledger.enter(kernel, told, &outputs);
        let snapshots = supersede(&mut self.lags, &outputs);
        for at in &snapshots {
            // Servers of this protocol may answer a subscribe after its snapshot.
            if kernel.dice.percent(plan.swapped_acks) {
                outputs.swap(at - 1, *at);
            }
        }
        for (at, output) in outputs.into_iter().enumerate() {
            match output {
                Output::Send { conn, frame } => {
                    let link = LinkId(conn.0);
                    let is_answer = snapshots.contains(&at) || snapshots.contains(&(at + 1));
                    if is_answer || !is_presence(&frame) || plan.presence_lag.1 == 0 {
                        if self.troubled && plan.role == Role::Client {
                            mischief::send(kernel, network, plan, link, frame);
                        } else {
                            network.send_down(kernel, plan, link, Down::Frame(frame));
                        }
                    } else {
                        let lag = self.lags.entry(link).or_default();
                        self.lagging += 1;
                        lag.last = lag.last.max(kernel.now.after(kernel.dice.between(plan.presence_lag)));
                        kernel.at(lag.last, Event::Presence(link, lag.snapshots, Down::Frame(frame)));
                    }
                }
                Output::Close { conn, code, reason } => {
                    let link = LinkId(conn.0);
                    // What applications say is theirs to pace, and nobody can pace what a network holds back.
                    let is_paced = plan.role == Role::Peer && !network.brings_backlog(link, kernel.now);
                    if code == CloseCode::OVER_MESSAGE_RATE && reason != KICKED && is_paced {
                        kernel.violated("nobody sends faster than servers take", format!("{conn:?}"));
                    }
                    network.send_down(kernel, plan, link, Down::Close(code, reason));
                }
            }
        }
        let due = self.hub.poll_timeout();
        if self.armed != due {
            self.armed = due;
            if let Some(UnixMillis(at)) = due {
                kernel.at(Instant(at.saturating_sub(EPOCH_MS)), Event::ServerTimeout);
            }
        }
    }
}

/// Finds the snapshots, which follow their ack, and lets them supersede the changes that lag.
fn supersede(lags: &mut BTreeMap<LinkId, Lag>, outputs: &[Output]) -> Vec<usize> {
    let mut snapshots = Vec::new();
    for (at, pair) in outputs.windows(2).enumerate() {
        if let [Output::Send { conn: to, frame: ack }, Output::Send { conn, frame: presence }] = pair
            && to == conn
            && ack.starts_with(r#"{"type":"ack""#)
            && is_presence(presence)
        {
            snapshots.push(at + 1);
            lags.entry(LinkId(conn.0)).or_default().snapshots += 1;
        }
    }
    snapshots
}

fn is_presence(frame: &Frame) -> bool {
    frame.starts_with(r#"{"type":"presence""#)
}

fn unix(kernel: &Kernel) -> UnixMillis {
    UnixMillis(EPOCH_MS + kernel.now.0)
}

/// A token of the virtual world.
pub fn token(sub: &str, expires_at_ms: Option<u64>) -> String {
    // Whole seconds, as in a JWT.
    format!("{sub}.{}", expires_at_ms.map_or(0, |ms| (EPOCH_MS + ms) / 1000))
}

/// A token that no server takes.
pub const BAD_TOKEN: &str = "bad";

/// Somebody who may do everything, or everything but use one of the channels.
fn identity(plan: &Plan, peer_id: &str) -> Option<Identity> {
    let identity = Identity::unrestricted(PeerId::parse(peer_id).ok()?);
    if !plan.forbidden_channel {
        return Some(identity);
    }
    let [open @ .., _] = CHANNELS.map(|name| ChannelPattern::parse(name).expect("a good pattern"));
    Some(Identity { grants: Grants::new(Actions::all(), open), ..identity })
}

/// Reads what a socket was opened with, as the real server does with signatures added.
fn authenticate(kernel: &mut Kernel, plan: &Plan, url: &str, link: LinkId) -> Option<Arrival> {
    let (_, query) = url.split_once("/v1?")?;
    let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let claim = query.get("resume").and_then(|token| ResumeToken::parse(token));
    let (identity, claim) = match (query.get("key"), query.get("token")) {
        (_, Some(token)) => {
            let (sub, expires_at) = token.split_once('.')?;
            let expires_at = expires_at.parse().ok().filter(|seconds| *seconds > 0);
            let claim = claim.filter(|claim| claim.holder == "token" && claim.peer_id == sub);
            (Identity { expires_at, ..identity(plan, sub)? }, claim)
        }
        (Some(_), None) => {
            let claim = claim.filter(|claim| claim.holder == "key");
            let peer_id = claim.as_ref().map_or_else(|| kernel.dice.hex(), |claim| claim.peer_id.to_owned());
            (identity(plan, &peer_id)?, claim)
        }
        (None, None) => return None,
    };
    let holder = if query.contains_key("token") { "token" } else { "key" };
    let peer_id = identity.peer_id.clone();
    let ticket = |session| Ticket {
        session: SessionId(session),
        token: Secret::new(format!("{session}.{holder}.{peer_id}")),
    };
    let seen = query.get("seen").map(|seen| seen.parse().unwrap_or(u64::MAX));
    Some(Arrival {
        // No link has the number of another, whatever restarts.
        ticket: Some(ticket(link.0.into())),
        claim: claim.map(|claim| Claim { ticket: ticket(claim.session), seen }),
        identity,
    })
}

/// A resume token of the virtual world, where nobody forges.
struct ResumeToken<'a> {
    session: u128,
    holder: &'a str,
    peer_id: &'a str,
}

impl<'a> ResumeToken<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let (session, rest) = token.split_once('.')?;
        let (holder, peer_id) = rest.split_once('.')?;
        Some(Self { session: session.parse().ok()?, holder, peer_id })
    }
}
