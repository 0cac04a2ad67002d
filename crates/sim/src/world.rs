//! The world: clients, the server, the sockets between them, and the faults that strike.

use std::time::Duration;

use metered_core::Instant;
use metered_protocol::{Channel, CloseCode};

use crate::app;
use crate::client::{Client, Outside};
use crate::kernel::{Event, Kernel, START, Who};
use crate::network::{ClientEnd, Cut, Down, LinkId, Network};
use crate::plan::{Plan, Role, Settings};
use crate::server::{Restart, Server};
use crate::webrtc::{Knowing, Webrtc};

/// Everything there is.
#[derive(Debug)]
pub struct World {
    /// What is around the clients and the server.
    pub out: Outside,
    /// The server.
    pub server: Server,
    /// The clients.
    pub clients: Vec<Client>,
    /// The channel that all of them join.
    pub channel: Channel,
}

impl World {
    /// The world of a seed, before anything has happened.
    pub fn new(seed: u64, role: Role, settings: Settings) -> Self {
        let mut kernel = Kernel::new(seed, settings.print);
        let plan = Plan::draw(&mut kernel.dice, role, settings);
        kernel.note(format_args!("seed {seed}: {plan:?}"));
        Self::of(plan, kernel)
    }

    /// The world of a plan, before anything has happened.
    pub fn of(plan: Plan, mut kernel: Kernel) -> Self {
        let channel = app::channel("room");
        let mut clients = Vec::new();
        for client in 0..plan.clients.len() {
            let seed = kernel.dice.seed();
            clients.push(Client::new(seed, Who { client, life: 0 }, &plan, channel.clone()));
            kernel.after(plan.clients[client].start, Event::Start(client));
        }
        if let Some(gap) = plan.fault_gap {
            kernel.soon(gap, Event::Fault);
        }
        kernel.after(plan.quiet_at, Event::Quiet);
        let server = Server::new(&plan);
        let troubled = plan.fault_gap.is_some();
        let (network, webrtc) = (Network::default(), Webrtc::default());
        Self {
            out: Outside {
                kernel,
                network,
                webrtc,
                plan,
                troubled,
                busy: true,
                settled: false,
                clock: Duration::default,
            },
            server,
            clients,
            channel,
        }
    }

    /// When faults end.
    pub fn quiet_at(&self) -> Instant {
        START.after(self.out.plan.quiet_at)
    }

    /// Lets an event happen.
    pub fn handle(&mut self, event: Event) {
        let Some(event) = self.unless_asleep(event) else { return };
        let Self { out, server, clients, .. } = self;
        match event {
            Event::Start(client) => self.start(client),
            Event::Rejoin(who) => {
                if let Some(client) = alive(clients, who) {
                    client.begin(out);
                }
            }
            Event::Act(who) => self.act(who),
            Event::Wake(who, due) => {
                if let Some(client) = alive(clients, who) {
                    client.wake(out, due);
                }
            }
            Event::Token(who, op, too_late) => {
                if let Some(client) = alive(clients, who) {
                    client.token(out, op, too_late);
                }
            }
            Event::Awake(who) => self.wake_up(who),
            Event::Python(who, connection, tick) => {
                if let Some(client) = alive(clients, who) {
                    client.python_tick(out, connection, tick);
                }
            }
            Event::Arrive(link) => server.arrive(&mut out.kernel, &mut out.network, &out.plan, link),
            Event::Up(link, up) => server.receive(&mut out.kernel, &mut out.network, &out.plan, link, &up),
            Event::Presence(link, snapshots, down) => {
                server.lagged(&mut out.kernel, &mut out.network, &out.plan, link, snapshots, down);
            }
            Event::Down(link, down) => self.deliver(link, down),
            Event::ClientNotices(link) => self.close_socket(link, CloseCode::ABNORMAL, ""),
            Event::ServerNotices(link) => server.notice(&mut out.kernel, &mut out.network, &out.plan, link),
            Event::ServerTimeout => server.timeout(&mut out.kernel, &mut out.network, &out.plan),
            Event::ServerUp => server.listen(&mut out.kernel),
            Event::Pc(pc, event) => {
                let report = out.webrtc.handle(&mut out.kernel, &out.plan, pc, event);
                if let Some((owner, event)) = report
                    && let Some(client) = alive(clients, owner.who)
                {
                    client.connection_event(out, (owner.connection, pc), event);
                }
            }
            Event::Fault => self.fault(),
            Event::Quiet => {
                out.kernel.note(format_args!("     quiet"));
                (out.troubled, out.busy) = (false, false);
                server.calm_down();
            }
            Event::Inspect => {}
        }
    }

    fn start(&mut self, index: usize) {
        if self.clients[index].is_closed() {
            self.replace(index);
        }
        let client = &mut self.clients[index];
        client.begin(&mut self.out);
        let who = client.who;
        if let Some(gap) = self.out.plan.act_gap {
            self.out.kernel.soon(gap, Event::Act(who));
        }
    }

    /// A client begins another life.
    fn replace(&mut self, index: usize) {
        let old = &self.clients[index];
        let who = Who { life: old.who.life + 1, ..old.who };
        let seed = self.out.kernel.dice.seed();
        self.clients[index] = Client::new(seed, who, &self.out.plan, self.channel.clone());
    }

    fn act(&mut self, who: Who) {
        let Self { out, clients, .. } = self;
        if let (Some(client), true) = (alive(clients, who), out.busy) {
            client.act(out);
            if let Some(gap) = out.plan.act_gap {
                out.kernel.soon(gap, Event::Act(who));
            }
        }
    }

    /// Answers what happens now. What happens to a page that sleeps is kept until it wakes up.
    fn unless_asleep(&mut self, event: Event) -> Option<Event> {
        let who = match &event {
            Event::Wake(who, _) | Event::Act(who) | Event::Rejoin(who) | Event::Token(who, ..) => Some(*who),
            Event::Down(link, _) | Event::ClientNotices(link) => {
                self.out.network.link(*link).map(|link| link.who)
            }
            _ => None,
        };
        let sleeper =
            who.and_then(|who| alive(&mut self.clients, who)).filter(|client| client.sleep.is_deep());
        match sleeper {
            Some(client) => {
                client.sleep.defer(event);
                None
            }
            None => Some(event),
        }
    }

    fn wake_up(&mut self, who: Who) {
        let Self { out, clients, .. } = self;
        let Some(client) = alive(clients, who) else { return };
        let missed = client.wake_up(out);
        let [before, after] = *out.kernel.dice.pick(&[[false, false], [true, false], [false, true]]);
        if before {
            client.check_link(out);
        }
        for event in missed {
            self.handle(event);
        }
        let Self { out, clients, .. } = self;
        if let Some(client) = alive(clients, who).filter(|_| after) {
            client.check_link(out);
        }
    }

    fn deliver(&mut self, id: LinkId, down: Down) {
        let Self { out, server, clients, .. } = self;
        let Some(link) = out.network.arrives_down(id) else { return };
        let (who, socket, end) = (link.who, link.socket, link.client);
        if let Down::Close(code, reason) = down {
            self.close_socket(id, code, reason);
            return;
        }
        // A socket that is being closed says nothing more; a driver may not have heard of that.
        if end == ClientEnd::Closing && !out.plan.sloppy_driver {
            return;
        }
        let Some(client) = alive(clients, who) else { return };
        match down {
            Down::Frame(frame) => client.frame(out, socket, &frame),
            Down::Garbage => client.garbage(out, socket),
            Down::Close(..) => {}
        }
        for data in std::mem::take(&mut client.surfaced) {
            server.ledger.paid(&mut out.kernel, id, &data);
        }
    }

    fn close_socket(&mut self, id: LinkId, code: CloseCode, reason: &str) {
        let Self { out, clients, .. } = self;
        if let Some((who, socket)) = out.network.client_closed(&mut out.kernel, id, code)
            && let Some(client) = alive(clients, who)
        {
            client.socket_closed(out, socket, code, reason);
        }
    }

    // ---- faults

    fn fault(&mut self) {
        let Some(gap) = self.out.plan.fault_gap else { return };
        if !self.out.troubled {
            return;
        }
        let Self { out, server, clients, .. } = self;
        let live = out.network.live();
        let fault = if out.plan.steady {
            out.kernel.dice.between((100, 109))
        } else {
            out.kernel.dice.between((0, 99))
        };
        match fault {
            // Those of a steady world: the client finds out no later than the server, so that it is back in time.
            100..106 if !live.is_empty() => {
                let link = *out.kernel.dice.pick(&live);
                let cut = *out.kernel.dice.pick(&[Cut::Both, Cut::ClientFirst, Cut::Silent]);
                out.network.cut(&mut out.kernel, link, cut);
            }
            106..108 => {
                let how = *out.kernel.dice.pick(&[Restart::Graceful, Restart::Crash]);
                server.restart(&mut out.kernel, &mut out.network, &out.plan, how);
            }
            108 => out.webrtc.blip(&mut out.kernel),
            109 => out.webrtc.break_path(&mut out.kernel, &out.plan),
            0..10 if !live.is_empty() => {
                let link = *out.kernel.dice.pick(&live);
                out.network.stall(&mut out.kernel, link);
            }
            10..45 if !live.is_empty() => {
                let link = *out.kernel.dice.pick(&live);
                let cut = pick_cut(&mut out.kernel);
                out.network.cut(&mut out.kernel, link, cut);
            }
            45..52 => {
                // A router dies: half of the links at once.
                for link in live {
                    if out.kernel.dice.percent(50) {
                        let cut = pick_cut(&mut out.kernel);
                        out.network.cut(&mut out.kernel, link, cut);
                    }
                }
            }
            52..60 => {
                let how = *out.kernel.dice.pick(&[Restart::Graceful, Restart::Crash]);
                server.restart(&mut out.kernel, &mut out.network, &out.plan, how);
            }
            60..65 if out.plan.role == Role::Peer => out.webrtc.blip(&mut out.kernel),
            65..70 if out.plan.role == Role::Peer => out.webrtc.break_path(&mut out.kernel, &out.plan),
            70..75 if out.plan.role == Role::Peer => self.close_one_end(),
            60..72 if out.plan.sleeps => {
                let index = out.kernel.dice.below(clients.len());
                let range = *out.kernel.dice.pick(&[(1_000, 10_000), (5_000, 60_000), (30_000, 120_000)]);
                let ms = out.kernel.dice.between(range);
                clients[index].fall_asleep(out, ms);
            }
            60..75 => {
                let index = out.kernel.dice.below(clients.len());
                if !clients[index].sleep.is_deep() {
                    clients[index].check_link(out);
                }
            }
            75..85 if out.plan.comings_and_goings => {
                let index = out.kernel.dice.below(clients.len());
                clients[index].vanish(out);
                self.replace(index);
                self.out.kernel.soon((0, 10_000), Event::Start(index));
            }
            85..92 if !live.is_empty() => {
                let link = *out.kernel.dice.pick(&live);
                let code = CloseCode(*out.kernel.dice.pick(&[4020, 1008, 1009, 4011, 4010, 1001, 4999]));
                server.kick(&mut out.kernel, &mut out.network, &out.plan, link, code);
            }
            // Who cannot tell what it has dropped comes back without its session and under the same name: see `with_python`.
            92..100 if !live.is_empty() && !out.plan.has_python() => {
                let link = *out.kernel.dice.pick(&live);
                out.network.send_down(&mut out.kernel, &out.plan, link, Down::Garbage);
            }
            _ => {}
        }
        self.out.kernel.soon(gap, Event::Fault);
    }

    /// One end of a connection is closed, by its page or because its stack has died.
    ///
    /// Nobody does so to the Python SDK (see [`crate::client`]), and no page to one whose other end has nothing to offer:
    /// who has closed its own connection and hears nothing does not miss it.
    fn close_one_end(&mut self) {
        let Self { out, clients, .. } = self;
        let mut closable = Vec::new();
        for (one, other) in out.webrtc.pairs() {
            let of = |pc| {
                let who = out.webrtc.connection(pc)?.owner.who;
                clients.get(who.client).filter(|client| client.who == who && !client.is_python())
            };
            let (Some(here), Some(there)) = (of(one), of(other)) else { continue };
            closable.push((one, there.opens_channels_to(here, out.plan.opener)));
        }
        if closable.is_empty() {
            return;
        }
        let (pc, is_missed) = *out.kernel.dice.pick(&closable);
        let told: &[Knowing] = &[Knowing::TheEnd, Knowing::Both, Knowing::TheOtherEnd];
        let knowing = *out.kernel.dice.pick(if is_missed { told } else { &told[..2] });
        out.webrtc.close_one_end(&mut out.kernel, pc, knowing);
    }
}

fn pick_cut(kernel: &mut Kernel) -> Cut {
    *kernel.dice.pick(&[Cut::Both, Cut::Both, Cut::ClientFirst, Cut::ServerFirst, Cut::Silent])
}

fn alive(clients: &mut [Client], who: Who) -> Option<&mut Client> {
    clients.get_mut(who.client).filter(|client| client.who == who)
}
