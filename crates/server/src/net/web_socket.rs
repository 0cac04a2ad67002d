//! The server's side of a WebSocket.
//!
//! What comes in, and the rules of closing, are `tungstenite`'s, which sees no socket: it is given what was read, and the
//! control frames that it wants sent go where our own frames go. Those come as [`Frame`]s, encoded once for everybody
//! whom they go to. Small ones that wait together are handed to the kernel as one piece, copied to the stack for that; a
//! large one is written from where it is. An idle WebSocket owns next to no buffer.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use metered_protocol::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::outbox::End;
use crate::hub::Frame;

/// How much is read at a time, in bytes, to the stack.
const READ_BYTES: usize = 16 * 1024;

/// What `tungstenite` takes of it at a time and keeps room for, in bytes. It makes more room for longer frames.
const KEPT_BYTES: usize = 512;

/// How much is gathered on the stack for one write, in bytes.
const GATHERED_BYTES: usize = 16 * 1024;

/// A WebSocket that has been opened.
///
/// Every future that its methods return can be dropped, and nothing is lost or written twice.
pub(super) struct WebSocket<S> {
    stream: S,
    protocol: WebSocketContext,
    /// What has been read and not been looked at.
    unread: Bytes,
    unwritten: Unwritten,
}

/// Frames on their way out.
#[derive(Default)]
struct Unwritten {
    frames: VecDeque<Bytes>,
    /// Of the first frame a part is written.
    is_first_begun: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// What is left to do when a client has been answered that it has a WebSocket. A longer message than this, in
    /// bytes, is an error.
    pub(super) fn new(stream: S, longest: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(KEPT_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let protocol = WebSocketContext::new(Role::Server, Some(config));
        Self { stream, protocol, unread: Bytes::new(), unwritten: Unwritten::default() }
    }

    /// The next message. Pings are answered and closes acknowledged on the way; after the last one there is none.
    ///
    /// Whoever takes no answers is not listened to until it does, so that they do not pile up.
    pub(super) async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Adds a frame to those that [`WebSocket::flush`] writes.
    pub(super) fn queue(&mut self, frame: &Frame) {
        self.unwritten.frames.push_back(frame.wire().clone());
    }

    /// Adds a ping.
    pub(super) fn queue_ping(&mut self, payload: Bytes) -> Result<(), Error> {
        self.speak(|protocol, pipe| protocol.write(pipe, Message::Ping(payload)))
    }

    /// Writes everything.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Gives up what is not written, but for the rest of a frame that is begun.
    pub(super) fn give_up(&mut self) {
        self.unwritten.frames.truncate(usize::from(self.unwritten.is_first_begun));
    }

    /// Sends a close frame and waits for the client's, reading past what it was still sending: a socket that is
    /// dropped with something unread takes the close frame down with it.
    pub(super) async fn close(&mut self, End { code: CloseCode(code), reason }: End) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        let queued = self.speak(|protocol, pipe| protocol.close(pipe, Some(frame)));
        if queued.is_ok() && self.flush().await.is_ok() {
            while let Some(Ok(_)) = self.recv().await {}
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            match self.speak(|protocol, pipe| protocol.read(pipe)) {
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    return self.poll_flush(cx).map(|_| None);
                }
                message => return Poll::Ready(Some(message)),
            }
            if let Err(error) = ready!(self.poll_flush(cx)) {
                return Poll::Ready(Some(Err(error.into())));
            }
            let mut buffer = [const { MaybeUninit::uninit() }; READ_BYTES];
            let mut buffer = ReadBuf::uninit(&mut buffer);
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                return Poll::Ready(Some(Err(error.into())));
            }
            if buffer.filled().is_empty() {
                return Poll::Ready(None);
            }
            self.unread = Bytes::copy_from_slice(buffer.filled());
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unwritten.frames.is_empty() {
            let mut room = [const { MaybeUninit::uninit() }; GATHERED_BYTES];
            let mut room = ReadBuf::uninit(&mut room);
            let next = self.unwritten.gather(&mut room);
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, next))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.unwritten.advance(written);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn speak<T>(&mut self, call: impl FnOnce(&mut WebSocketContext, &mut Pipe<'_>) -> T) -> T {
        call(&mut self.protocol, &mut Pipe { unread: &mut self.unread, unwritten: &mut self.unwritten })
    }
}

impl Unwritten {
    /// What to write next: as many frames as there is room for, or the first as it is if it goes alone.
    fn gather<'a>(&'a self, room: &'a mut ReadBuf<'_>) -> &'a [u8] {
        let Some(first) = self.frames.front() else { return &[] };
        let is_alone = self.frames.get(1).is_none_or(|second| first.len() + second.len() > room.remaining());
        if is_alone {
            return first;
        }
        for frame in &self.frames {
            if frame.len() > room.remaining() {
                break;
            }
            room.put_slice(frame);
        }
        room.filled()
    }

    /// So many bytes of them are written.
    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.frames.front_mut() {
            if written < first.len() {
                self.is_first_begun |= written > 0;
                drop(first.split_to(written));
                return;
            }
            written -= first.len();
            self.is_first_begun = false;
            self.frames.pop_front();
        }
        // An idle socket keeps no room for the burst it once had.
        self.frames = VecDeque::new();
    }
}

/// A socket as `tungstenite` sees it: what has been read, and room for what is to be written.
struct Pipe<'a> {
    unread: &'a mut Bytes,
    unwritten: &'a mut Unwritten,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = self.unread.split_to(buffer.len().min(self.unread.len()));
        let Some(room) = buffer.get_mut(..taken.len()) else { return Ok(0) };
        room.copy_from_slice(&taken);
        if self.unread.is_empty() {
            *self.unread = Bytes::new();
        }
        Ok(taken.len())
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unwritten.frames.push_back(Bytes::copy_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use metered_protocol::PeerId;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;
    use crate::hub::{ConnId, Hub, Output, UnixMillis};
    use crate::{Identity, Limits};

    fn frame() -> Frame {
        let mut hub = Hub::new(Limits::default());
        hub.connect(UnixMillis(0), ConnId(1), Identity::unrestricted(PeerId::parse("alice").unwrap()));
        let Some(Output::Send { frame, .. }) = hub.poll_output() else { panic!("no welcome") };
        frame
    }

    fn pair(capacity: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
        let (server, client) = duplex(capacity);
        (WebSocket::new(server, 100_000), client)
    }

    /// A frame of a client, masked with 0.
    fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        [&[0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
    }

    async fn is_stuck(future: impl Future<Output: Send>) -> bool {
        timeout(Duration::from_millis(1), future).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_dropped_half_way_goes_on_where_it_was() {
        let (mut socket, mut client) = pair(100);
        let frame = frame();
        for _ in 0..200 {
            socket.queue(&frame);
        }
        let mut seen = Vec::new();
        while is_stuck(socket.flush()).await {
            let mut some = [0; 77];
            let read = client.read(&mut some).await.unwrap();
            seen.extend(&some[..read]);
        }
        drop(socket);
        client.read_to_end(&mut seen).await.unwrap();
        assert!(seen == frame.wire().repeat(200));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_all_lengths_are_written_whole_and_in_order() {
        let lengths = [1, 2, GATHERED_BYTES, 3, GATHERED_BYTES - 3, 4, GATHERED_BYTES + 1, 5, 70_000, 6, 7];
        let frames: Vec<_> =
            lengths.iter().zip(b'a'..).map(|(length, byte)| Bytes::from(vec![byte; *length])).collect();
        for capacity in [10, 1 << 20] {
            let (mut socket, mut client) = pair(capacity);
            socket.unwritten.frames.extend(frames.iter().cloned());
            let writing = tokio::spawn(async move { socket.flush().await });
            let mut seen = vec![0; lengths.iter().sum()];
            client.read_exact(&mut seen).await.unwrap();
            writing.await.unwrap().unwrap();
            assert!(seen == frames.concat(), "{capacity}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_ends_with_a_whole_frame_and_then_the_close() {
        let frame = frame();
        let (mut socket, mut client) = pair(frame.wire().len() / 2);
        for _ in 0..200 {
            socket.queue(&frame);
        }
        assert!(is_stuck(socket.flush()).await);
        socket.give_up();
        let end = End { code: CloseCode::GOING_AWAY, reason: "x" };
        let closing = tokio::spawn(async move { socket.close(end).await });
        let mut seen = vec![0; frame.wire().len() + 5];
        client.read_exact(&mut seen).await.unwrap();
        assert!(seen == [frame.wire(), &b"\x88\x03\x03\xe9x"[..]].concat(), "1001 is 0x3e9");
        client.write_all(&masked(1, b"late")).await.unwrap();
        client.write_all(&masked(8, b"\x03\xe9")).await.unwrap();
        closing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn messages_that_come_in_one_read_or_in_many_are_the_same() {
        let (mut socket, mut client) = pair(1 << 20);
        let bytes = [masked(1, b"one"), masked(9, b"p"), masked(1, &[b'x'; 100]), masked(2, b"")].concat();
        client.write_all(&bytes).await.unwrap();
        let expected = [
            Message::text("one"),
            Message::Ping("p".into()),
            Message::text("x".repeat(100)),
            Message::binary(Bytes::new()),
        ];
        for message in &expected {
            assert_eq!(socket.recv().await.unwrap().unwrap(), *message);
        }
        for byte in bytes {
            client.write_all(&[byte]).await.unwrap();
            let _ = timeout(Duration::ZERO, async {}).await;
            if let Ok(Some(message)) = timeout(Duration::from_millis(1), socket.recv()).await {
                assert!(expected.contains(&message.unwrap()));
            }
        }
        let mut pong = [0; 6];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\x8a\x01p\x8a\x01p");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_to_pings_that_nobody_reads_do_not_pile_up() {
        let (mut socket, mut client) = pair(1000);
        let ping = masked(9, &[b'x'; 100]);
        let (mut sent, mut heard) = (0, 0);
        while !is_stuck(client.write_all(&ping)).await {
            sent += 1;
            while let Ok(Some(message)) = timeout(Duration::from_millis(1), socket.recv()).await {
                heard += usize::from(matches!(message.unwrap(), Message::Ping(_)));
            }
            assert!(sent < 1000, "it is listened to for ever");
        }
        assert!(heard < 300 && socket.unwritten.frames.len() < 300);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_closes_is_answered_before_it_is_over() {
        let (mut socket, mut client) = pair(1000);
        client.write_all(&masked(8, b"\x03\xe8")).await.unwrap();
        assert!(matches!(socket.recv().await, Some(Ok(Message::Close(Some(_))))));
        assert!(socket.recv().await.is_none());
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\x88\x02\x03\xe8");
    }
}
