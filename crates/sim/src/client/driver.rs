//! The driver: what stands between the core and the world, and keeps the core's contract.

use metered_core::{CallError, Command, Event as CoreEvent, Input, Operation, Output, SignallingState};
use metered_protocol::{ClientFrame, CloseCode, SdpType, Secret, ToJson};
use serde_json::Value as Json;

use super::python::PythonConnection;
use super::{Client, Fetch, Outside};
use crate::kernel::{Event, Kernel, show_code};
use crate::network::Up;
use crate::plan::{Login, Plan, Sdk};
use crate::watch::Watch;
use crate::webrtc::Owner;

/// So many outputs are more than any input has, those of what handlers call meanwhile among them.
const OUTPUTS_OF_AN_INPUT: u64 = 100_000;

impl Client {
    pub(super) fn input(&mut self, out: &mut Outside, input: Input<Json>) {
        let begin = (out.clock)();
        self.core.handle_input(out.kernel.now, input);
        self.cost.inputs += 1;
        self.cost.time += (out.clock)() - begin;
        if self.polling {
            // A handler has called: the loop that is already polling goes on.
            return;
        }
        self.polling = true;
        for count in 0.. {
            let begin = (out.clock)();
            let output = self.core.poll_output();
            self.cost.time += (out.clock)() - begin;
            let Some(output) = output else { break };
            if count == OUTPUTS_OF_AN_INPUT {
                let what = format!("{} has answered {count} times, at last by {output:?}", self.who);
                out.kernel.violated("every input is dealt with in the end", what);
                break;
            }
            self.cost.outputs += 1;
            self.carry_out(out, output);
        }
        self.polling = false;
        self.watch.settled(&mut out.kernel, self.who, &self.core);
        let begin = (out.clock)();
        let due = self.core.poll_timeout();
        self.cost.time += (out.clock)() - begin;
        if let Some(due) = due
            && self.wakes.insert(due)
        {
            let late = out.kernel.dice.between((0, out.plan.lateness));
            out.kernel.at(due.after(late), Event::Wake(self.who, due));
        }
    }

    fn carry_out(&mut self, out: &mut Outside, output: Output<Json>) {
        match output {
            Output::Command(command) => self.command(out, command),
            Output::Event(event) => self.event(out, event),
            Output::Settle(call, result) => {
                let name = self.watch.calls.settled(&mut out.kernel, self.who, call, &result);
                if self.watch.wishes.settled(call, &result) {
                    out.kernel.saw("refused subscription");
                }
                out.kernel.note(format_args!("{} call {} {name}() settles {result:?}", self.who, call.0));
                if let Err(error) = &result {
                    out.kernel.saw(show_error(error));
                }
                if matches!(name, "join" | "connect") && result.is_err() && self.is_idle() {
                    out.kernel.soon((300, 3_000), Event::Rejoin(self.who));
                }
            }
            Output::Log(_, message) => {
                out.kernel.saw(message);
                out.kernel.note(format_args!("{} log: {message}", self.who));
            }
        }
    }

    fn command(&mut self, out: &mut Outside, command: Command<Json>) {
        let (who, kernel) = (self.who, &mut out.kernel);
        match command {
            Command::OpenSocket(socket, url) => {
                if self.core.signalling_state() == SignallingState::Reconnecting {
                    kernel.saw("reconnect");
                }
                kernel.note(format_args!("{who} opens socket {}{}", socket.0, resumes(&url)));
                self.watch.sockets.opened(kernel, who, socket);
                if self.plan.login == Login::Key {
                    self.watch.backoff.attempt(kernel, who);
                }
                let url = url.expose().to_owned();
                let is_watched = self.plan.habits.inactivity_ms.is_some();
                let link = out.network.open(kernel, &out.plan, who, socket, url, is_watched);
                self.links.insert(socket, link);
            }
            Command::SendFrame(socket, frame) => {
                self.watch.sockets.written(kernel, who, socket);
                let mut text = String::new();
                frame.write_json(&mut text);
                note_request(&mut self.watch, kernel, &text);
                kernel.note(format_args!("{who} => {text}"));
                let may_be_lost = self.may_be_lost(&out.plan, &text);
                let times = if !(text.contains(r#""type":"rtc-"#) && out.troubled) {
                    1
                } else if may_be_lost && kernel.dice.percent(out.plan.lost_signals) {
                    0
                } else if kernel.dice.percent(out.plan.repeated_signals) {
                    2
                } else {
                    1
                };
                if times != 1 {
                    kernel.saw(match (times == 0, out.plan.has_python()) {
                        (true, true) => "lost signal with Python",
                        (true, false) => "lost signal",
                        (false, true) => "repeated signal with Python",
                        (false, false) => "repeated signal",
                    });
                }
                for _ in 0..times {
                    if let Some(link) = self.links.get(&socket) {
                        out.network.send_up(kernel, &out.plan, *link, Up::Frame(text.clone()));
                    }
                }
            }
            Command::CloseSocket(socket, code, reason) => {
                kernel.note(format_args!("{who} closes socket {}: {} {reason}", socket.0, show_code(code)));
                self.watch.closes(kernel, who, socket, code, &reason);
                if let Some(link) = self.links.get(&socket) {
                    out.network.close(kernel, &out.plan, *link, code);
                }
            }
            Command::FetchToken(op) => {
                let hangs = out.troubled && out.plan.token_failures > 0 && kernel.dice.percent(5);
                let timeout = 10_000;
                let is_renewal = self.watch.is_connected();
                self.fetching = Some(Fetch { op, at: kernel.now, is_renewal, slept: false });
                if is_renewal {
                    self.watch.tokens.asked(kernel, who, hangs);
                } else {
                    self.watch.backoff.attempt(kernel, who);
                    if hangs {
                        self.watch.backoff.lost(kernel.now.after(timeout), CloseCode::ABNORMAL);
                    }
                }
                if hangs {
                    kernel.after(timeout + out.plan.lateness + 1, Event::Token(who, op, true));
                } else {
                    kernel.soon(self.plan.habits.provider_ms, Event::Token(who, op, false));
                }
            }
            Command::CreateConnection { connection, remote, peer_id, .. } => {
                self.watch.remotes.connection_created(kernel, who, remote, &peer_id, connection);
                let pc = out.webrtc.create(kernel, Owner { who, connection }, self.plan.stack);
                kernel.note(format_args!("{who} connection {} to {peer_id} is pc {}", connection.0, pc.0));
                self.connections.insert(connection, pc);
                if self.plan.sdk == Sdk::Python {
                    let python = PythonConnection::new(self.core.peer_id(), &peer_id, pc);
                    self.python.insert(connection, python);
                }
            }
            // The network of this world needs none.
            Command::SetIceServers(..) => {}
            Command::Operate(connection, op, operation) => {
                self.watch.remotes.connection_used(kernel, who, connection);
                match &operation {
                    Operation::Rollback => kernel.saw("rollback"),
                    Operation::SetRemote(answer) if answer.kind == SdpType::Answer => kernel.saw("answer"),
                    _ => {}
                }
                kernel.note(format_args!("{who} operates connection {}: {operation:?}", connection.0));
                if self.plan.sdk != Sdk::Python
                    && let Some(pc) = self.connections.get(&connection)
                {
                    out.webrtc.operate(kernel, &out.plan, *pc, op, operation);
                }
            }
            Command::CloseConnection(connection) => {
                let pc = self.connections.get(&connection);
                let is_whole = pc.is_some_and(|pc| out.webrtc.is_whole(*pc));
                self.watch.remotes.connection_closed(kernel, who, connection, is_whole);
                kernel.note(format_args!("{who} closes connection {}", connection.0));
                self.python.remove(&connection);
                if let Some(pc) = self.connections.remove(&connection) {
                    out.webrtc.close(kernel, pc);
                }
            }
        }
    }

    fn event(&mut self, out: &mut Outside, event: CoreEvent<Json>) {
        out.kernel.note(format_args!("{} event {event:?}", self.who));
        match event {
            CoreEvent::Room(event) => self.room_event(out, event),
            CoreEvent::Remote(remote, event) => self.remote_event(out, remote, event),
            CoreEvent::Signalling(event) => self.signalling_event(out, event),
        }
        if out.plan.reentrant && out.busy && out.kernel.dice.percent(8) {
            self.call_something(out);
        }
    }

    /// Whether the ends make good what becomes of a signal that does not arrive. Python makes no offer twice, and ignores
    /// whatever comes to it while one of its own waits for its answer.
    fn may_be_lost(&self, plan: &Plan, signal: &str) -> bool {
        let is_answer = signal.contains(r#""type":"answer""#);
        let is_offer = signal.contains(r#""type":"offer""#);
        !(plan.has_python() && is_answer || self.plan.sdk == Sdk::Python && is_offer)
    }

    pub(super) fn spurious_timeout(&mut self, out: &mut Outside) {
        if self.core.poll_timeout().is_some_and(|due| due <= out.kernel.now) {
            return;
        }
        let before = format!("{:?}", self.core);
        self.core.handle_input(out.kernel.now, Input::Timeout);
        let output = self.core.poll_output();
        let after = format!("{:?}", self.core);
        if output.is_some() || before != after {
            let what = format!("{} {output:?}\nbefore {before}\nafter  {after}", self.who);
            out.kernel.violated("a spurious timeout does nothing", what);
        }
    }
}

/// Lets the watch know what is asked of the server.
fn note_request(watch: &mut Watch, kernel: &mut Kernel, frame: &str) {
    let Ok(frame) = ClientFrame::parse(frame) else { return };
    let (id, channel, wish) = match &frame {
        ClientFrame::Subscribe { channel, request_id, include_sender_metadata } => {
            (request_id, channel, Some(*include_sender_metadata))
        }
        ClientFrame::Unsubscribe { channel, request_id } => (request_id, channel, None),
        ClientFrame::Ping { .. } => return watch.silence.asked(kernel),
        ClientFrame::Publish { .. } | ClientFrame::Send { .. } => return,
    };
    watch.wishes.requested(kernel.now, id.as_ref().map_or("", |id| id.as_str()), channel, wish);
}

fn show_error(error: &CallError<Json>) -> &'static str {
    match error {
        CallError::Connect(..) => "SignallingConnectError",
        CallError::Token(_) => "no token for the first attempt",
        CallError::Server(_) => "ServerRequestError",
        CallError::NotConnected => "NotConnectedError",
        CallError::Disconnected => "DisconnectedError",
        CallError::AckTimeout { .. } => "AckTimeoutError",
        CallError::Oversized { .. } => "OversizedPayloadError",
        CallError::InvalidState => "InvalidStateError",
        CallError::Send(_) => "MeteredPeerSendError",
        CallError::Closed => "closed in the middle of a call",
    }
}

/// What an address says of a session, for the record. The credential is nobody's business.
fn resumes(url: &Secret) -> &str {
    url.expose().find("&resume=").and_then(|at| url.expose().get(at..)).unwrap_or_default()
}
