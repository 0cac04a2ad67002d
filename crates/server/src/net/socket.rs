//! One connection's task: its socket on one side, the hub and its outbox on the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use metered_protocol::CloseCode;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tungstenite::Message;

use super::app::App;
use super::outbox::{End, Next, Outbox};
use super::state::{Admitted, ServerState};
use super::web_socket::WebSocket;
use crate::hub::{ConnId, Frame};

/// How long a client has to take the last frames and answer the close frame.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// After so many bytes of what a session keeps, its client is asked how far it has read.
const ASK_AFTER_BYTES: usize = 32 * 1024;

/// As long as no connection lasts.
pub(super) const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A WebSocket over whatever the request came by. In a box, because a future has room for every place that a value
/// is moved to, and each connection's future lasts.
pub(super) type Socket = Box<WebSocket<TokioIo<Upgraded>>>;

/// Serves an accepted connection until one side closes it.
pub(super) async fn run(state: ServerState, socket: Socket, admitted: Box<Admitted>) {
    let Admitted { app, arrival } = *admitted;
    let (conn, outbox) = app.connect(arrival);
    // However this task ends, the hub hears of it.
    let _guard = Connected { app: &app, conn };
    let idle_timeout_ms = state.config().limits.idle_timeout_ms;
    let reading = Reading::default();
    let mut link = Link { app: &app, conn, outbox, socket, heard_at: Instant::now(), reading };
    let ending = match idle_timeout_ms {
        0 => link.converse(NEVER).await,
        ms => link.converse(Duration::from_millis(ms)).await,
    };
    tracing::debug!(app = app.id, conn = conn.0, ?ending, "connection ended");
    match ending {
        Ending::Close(end) => {
            app.metrics().closed(end.code);
            let _ = timeout(CLOSE_TIMEOUT, link.socket.close(end)).await;
        }
        Ending::Gone => {}
        Ending::Broken | Ending::Dead => app.metrics().left(CloseCode::ABNORMAL),
    }
}

/// Closes a socket that never became a connection.
pub(super) async fn refuse(state: &ServerState, mut socket: Socket, end: End) {
    state.metrics().refused(end.code);
    tracing::debug!(code = end.code.0, reason = end.reason, "connection refused");
    let _ = timeout(CLOSE_TIMEOUT, socket.close(end)).await;
}

struct Connected<'a> {
    app: &'a App,
    conn: ConnId,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.app.disconnect(self.conn, CloseCode::ABNORMAL);
    }
}

/// Why a conversation is over.
#[derive(Debug)]
enum Ending {
    /// We close it.
    Close(End),
    /// The client has closed it.
    Gone,
    /// The socket broke.
    Broken,
    /// The client has been silent for too long, or takes nothing any more.
    Dead,
}

struct Link<'a> {
    app: &'a App,
    conn: ConnId,
    outbox: Arc<Outbox>,
    socket: Socket,
    heard_at: Instant,
    reading: Reading,
}

/// How far the client has read, as its answers to our pings tell: each ping says how much was written before.
#[derive(Debug, Default)]
struct Reading {
    /// Numbered frames that were written.
    written: u64,
    /// Those of them that came before the last ping.
    pinged: u64,
    /// Those of them that were read.
    read: u64,
    /// Bytes that were written after the last ping.
    unasked_bytes: usize,
}

impl Reading {
    fn wrote(&mut self, frame: &Frame) {
        if frame.is_numbered() {
            self.written += 1;
            self.unasked_bytes += frame.len();
        }
    }

    fn ping(&mut self) -> Bytes {
        self.pinged = self.written;
        self.unasked_bytes = 0;
        Bytes::copy_from_slice(&self.written.to_be_bytes())
    }

    /// How many frames have been read, if an answer brings news. What we have not asked for is none.
    fn answered(&mut self, pong: &[u8]) -> Option<u64> {
        let read = u64::from_be_bytes(pong.try_into().ok()?);
        let is_news = read > self.read && read <= self.pinged;
        is_news.then(|| {
            self.read = read;
            read
        })
    }
}

impl Link<'_> {
    async fn converse(&mut self, idle_timeout: Duration) -> Ending {
        let outbox = self.outbox.clone();
        // Three pings fit into the timeout, so that a lost one does not end a connection.
        let mut ping = interval((idle_timeout / 3).max(Duration::from_millis(1)));
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                message = self.socket.recv() => self.hear(message).await,
                next = outbox.next() => match next {
                    Next::Write(frames) => self.write(&frames, false, idle_timeout).await,
                    Next::WriteAndPing(frames) => self.write(&frames, true, idle_timeout).await,
                    Next::Close(end) => Err(Ending::Close(end)),
                },
                _ = ping.tick() => self.check_pulse(ping.period(), idle_timeout).await,
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<(), Ending> {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => self.app.handle_frame(self.conn, &text),
            Some(Ok(Message::Binary(data))) => self.app.handle_binary(self.conn, data.len()),
            Some(Ok(Message::Pong(pong))) => {
                self.outbox.has_read();
                if let Some(frames) = self.reading.answered(&pong) {
                    self.app.has_read(self.conn, frames);
                }
            }
            // Answered already; and frames that are no messages are not read.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(frame))) => {
                // A close frame without a code is what `close()` without one sends.
                let code = frame.map_or(CloseCode::NORMAL, |frame| CloseCode(frame.code.into()));
                self.app.metrics().left(code);
                self.answer_close(code).await;
                return Err(Ending::Gone);
            }
            Some(Err(error)) => {
                tracing::debug!(conn = self.conn.0, %error, "socket failed");
                return Err(Ending::Broken);
            }
            None => return Err(Ending::Broken),
        }
        Ok(())
    }

    /// Writes a batch, for as long as there is a point in it. A client that takes nothing for as long as it may be
    /// silent is as dead as a silent one.
    async fn write(&mut self, frames: &[Frame], ping: bool, idle_timeout: Duration) -> Result<(), Ending> {
        let (outbox, app) = (self.outbox.clone(), self.app);
        tokio::select! {
            written = timeout(idle_timeout, self.write_all(frames, ping)) => written.unwrap_or(Err(Ending::Dead)),
            dropped = outbox.given_up() => {
                app.metrics().dropped(dropped + frames.len());
                self.socket.give_up();
                Ok(())
            }
        }
    }

    async fn write_all(&mut self, frames: &[Frame], ping: bool) -> Result<(), Ending> {
        let mut bytes = 0;
        for frame in frames {
            bytes += frame.len();
            self.socket.queue(frame);
            self.reading.wrote(frame);
        }
        if ping || self.reading.unasked_bytes >= ASK_AFTER_BYTES {
            self.socket.queue_ping(self.reading.ping()).map_err(|_| Ending::Broken)?;
        }
        self.socket.flush().await.map_err(|_| Ending::Broken)?;
        let waited = self.outbox.written(bytes);
        self.app.metrics().delivered(frames.len(), waited);
        Ok(())
    }

    /// Pings a client that has been silent for a while or may have something to read, and gives it up if it stays
    /// silent.
    async fn check_pulse(&mut self, period: Duration, idle_timeout: Duration) -> Result<(), Ending> {
        let silence = self.heard_at.elapsed();
        if silence >= idle_timeout {
            return Err(Ending::Dead);
        }
        if silence >= period || self.reading.written > self.reading.pinged {
            self.socket.queue_ping(self.reading.ping()).map_err(|_| Ending::Broken)?;
            timeout(idle_timeout, self.socket.flush()).await.ok().and_then(Result::ok).ok_or(Ending::Dead)?;
        }
        Ok(())
    }

    /// Lets the answer to the client's close frame, which the WebSocket has prepared, go out.
    async fn answer_close(&mut self, code: CloseCode) {
        self.app.disconnect(self.conn, code);
        let _ = timeout(CLOSE_TIMEOUT, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
    }
}
