//! The one machine that the driver drives.

use metered_protocol::{Channel, PeerId, Value};

use crate::Instant;
use crate::config::Config;
use crate::ids::{CallId, RemoteId};
use crate::input::{Call, Input};
use crate::output::{CallError, Command, Event, Level, Output, RemoteState, RoomState, SignallingState};
use crate::queue::Queue;
use crate::room::{Remote, Room};
use crate::signalling::{News, Origin, Signalling};

/// A client: a signalling supervisor, and for a `MeteredPeer` a room on top of it.
///
/// # The driving contract
///
/// 1. Call [`Core::handle_input`] for everything that happens, with a time that never goes backwards.
/// 2. After each, call [`Core::poll_output`] until it answers `None`, carrying each output out before the next
///    is polled. An output may lead straight back to step 1 (a handler that calls a method): then return
///    to the loop that is already polling, and do not start a second one.
/// 3. Arrange for [`Input::Timeout`] at the time of [`Core::poll_timeout`], which may have changed with any
///    input. Coming late delays what was due; coming early or twice does nothing.
///
/// Never borrow the core across a call into the application.
#[derive(Debug)]
pub struct Core<V> {
    signalling: Box<Signalling<V>>,
    room: Option<Box<Room<V>>>,
}

/// What a `RemotePeer` shows of its state.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteView<'a, V> {
    /// The connection's state.
    pub state: RemoteState,
    /// Whether we yield when both sides offer at once.
    pub polite: bool,
    /// The peer's metadata, as of its latest presence.
    pub metadata: Option<&'a V>,
}

impl<V: Value> Core<V> {
    /// A core for a `SignallingClient`. `seed` drives jitter.
    pub fn signalling(config: Config, seed: u64) -> Self {
        Self::new(config, seed, None)
    }

    /// A core for a `MeteredPeer`. `seed` drives jitter. The room's subscription is always replayed.
    pub fn room(mut config: Config, seed: u64) -> Self {
        config.auto_resubscribe = true;
        Self::new(config, seed, Some(Box::new(Room::new())))
    }

    fn new(config: Config, seed: u64, room: Option<Box<Room<V>>>) -> Self {
        Self { signalling: Box::new(Signalling::new(config, seed, room.is_some())), room }
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input<V>) {
        let signalling = &mut *self.signalling;
        match (input, &mut self.room) {
            (Input::Call(id, call), None) => Self::call_signalling(now, id, call, signalling),
            (Input::Call(id, call), Some(room)) => Self::call_room(now, id, call, room, signalling),
            (Input::Aborted(id), room) => {
                if room.as_ref().is_some_and(|room| room.is_joining(id)) || signalling.is_connecting(id) {
                    signalling.give_up_connecting(now);
                }
            }
            (Input::Socket(socket, event), _) => signalling.handle_socket(now, socket, event),
            (Input::Token(op, token), _) => signalling.handle_token(now, op, token),
            (Input::Connection(connection, event), Some(room)) => {
                room.handle_connection(now, connection, event, signalling);
            }
            (Input::Connection(..), None) => {}
            (Input::CheckLink, _) => signalling.check_link(now),
            (Input::DescribeTrack(remote, meta), Some(room)) => {
                room.describe_track(now, remote, meta, signalling);
            }
            (Input::DescribeTrack(..), None) => {}
            (Input::Timeout, room) => {
                signalling.handle_timeout(now);
                if let Some(room) = room {
                    room.handle_timeout(now, signalling);
                }
            }
        }
        self.pump(now);
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output<V>> {
        self.signalling.out.0.pop()
    }

    /// When [`Input::Timeout`] is due, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let room = self.room.as_ref().map_or(Instant::NEVER, |room| room.poll_timeout());
        Some(self.signalling.poll_timeout().min(room)).filter(|at| *at != Instant::NEVER)
    }

    /// `SignallingClient.state`.
    pub fn signalling_state(&self) -> SignallingState {
        self.signalling.state()
    }

    /// The latest round trip to the server, in milliseconds: of a ping, or of a request and its `ack`.
    pub fn latency_ms(&self) -> Option<u64> {
        self.signalling.latency_ms()
    }

    /// The longest frame that the server takes, in bytes, as of the latest welcome.
    pub fn max_message_size(&self) -> usize {
        self.signalling.max_message_size()
    }

    /// `MeteredPeer.state`; `idle` without a room.
    pub fn room_state(&self) -> RoomState {
        self.room.as_ref().map_or(RoomState::Idle, |room| room.state())
    }

    /// Our peer id, as of the latest welcome.
    pub fn peer_id(&self) -> Option<&PeerId> {
        match &self.room {
            Some(room) => room.local_id(),
            None => self.signalling.peer_id(),
        }
    }

    /// `MeteredPeer.channel`.
    pub fn channel(&self) -> Option<&Channel> {
        self.room.as_ref()?.channel()
    }

    /// The remotes of the room in the order of their peer ids.
    pub fn remotes(&self) -> impl Iterator<Item = (RemoteId, &PeerId)> {
        self.all_remotes().iter().map(|remote| (remote.id, &remote.peer_id))
    }

    /// A remote of the room; `None` once it has left.
    pub fn remote(&self, id: RemoteId) -> Option<RemoteView<'_, V>> {
        let remote = self.all_remotes().iter().find(|remote| remote.id == id)?;
        Some(RemoteView {
            state: remote.state(),
            polite: remote.negotiation.polite(),
            metadata: remote.metadata.as_ref(),
        })
    }

    fn call_signalling(now: Instant, id: CallId, call: Call<V>, signalling: &mut Signalling<V>) {
        let origin = Origin::Call(id);
        match call {
            Call::Connect => signalling.connect(now, origin),
            Call::Close { code, reason } => {
                signalling.close(now, origin, code, &reason.unwrap_or_default());
            }
            Call::Subscribe { channel, include_sender_metadata } => {
                signalling.subscribe(now, origin, channel, include_sender_metadata);
            }
            Call::Unsubscribe { channel } => signalling.unsubscribe(now, origin, channel),
            Call::Publish { channel, data } => signalling.publish(now, origin, &channel, data),
            Call::SendTo { to, data } => signalling.send(now, origin, &to, data),
            Call::Join { .. } | Call::Broadcast { .. } => {
                signalling.out.settle(id, Err(CallError::InvalidState));
            }
        }
    }

    fn call_room(
        now: Instant,
        id: CallId,
        call: Call<V>,
        room: &mut Room<V>,
        signalling: &mut Signalling<V>,
    ) {
        match call {
            Call::Join { channel, include_sender_metadata } => {
                room.join(now, id, channel, include_sender_metadata, signalling);
            }
            Call::Close { reason, .. } => room.close(now, id, reason, signalling),
            Call::Broadcast { data } => room.broadcast(now, id, data, signalling),
            Call::SendTo { to, data } => room.send_to(now, id, to, data, signalling),
            call => Self::call_signalling(now, id, call, signalling),
        }
    }

    fn all_remotes(&self) -> &[Box<Remote<V>>] {
        self.room.as_ref().map(|room| room.remotes()).unwrap_or_default()
    }

    /// Tells the room what the supervisor has to say, which may make it say more.
    fn pump(&mut self, now: Instant) {
        let Some(room) = &mut self.room else { return };
        loop {
            let news = self.signalling.take_news();
            if news.is_empty() {
                return;
            }
            for news in news {
                match news {
                    News::Event(event) => room.handle_signalling(now, event, &mut self.signalling),
                    News::Done(request, result) => {
                        room.handle_done(now, request, result, &mut self.signalling);
                    }
                }
            }
        }
    }
}

/// Outputs that wait to be polled.
#[derive(Debug)]
pub(crate) struct Outbox<V>(Queue<Output<V>>);

impl<V> Default for Outbox<V> {
    fn default() -> Self {
        Self(Queue::new())
    }
}

impl<V> Outbox<V> {
    pub(crate) fn command(&mut self, command: Command<V>) {
        self.0.push(Output::Command(command));
    }

    pub(crate) fn event(&mut self, event: Event<V>) {
        self.0.push(Output::Event(event));
    }

    pub(crate) fn settle(&mut self, call: CallId, result: Result<(), CallError<V>>) {
        self.0.push(Output::Settle(call, result));
    }

    pub(crate) fn log(&mut self, level: Level, message: &'static str) {
        self.0.push(Output::Log(level, message));
    }
}
