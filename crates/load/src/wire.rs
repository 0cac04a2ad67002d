//! The client's side of a WebSocket, as little of it as a load needs.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::net::TcpStream;

/// The kinds of frames that come to a client.
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What a reader begins with; it grows to the largest burst.
const BUFFER: usize = 1024;

/// The side that sends. Clones share the socket.
#[derive(Clone, Debug)]
pub(crate) struct Sender(Arc<TcpStream>);

/// The side that receives.
#[derive(Debug)]
pub(crate) struct Receiver {
    sender: Sender,
    buffer: Vec<u8>,
    /// How much of the buffer has been read from the socket and not been looked at.
    filled: usize,
}

/// Opens a WebSocket.
pub(crate) async fn connect(address: SocketAddr, path: &str) -> Result<(Sender, Receiver)> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let sender = Sender(Arc::new(stream));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    sender.write(request.as_bytes()).await?;
    let mut receiver = Receiver { sender: sender.clone(), buffer: vec![0; BUFFER], filled: 0 };
    let end = loop {
        receiver.fill().await?;
        if let Some(at) = memmem::find(&receiver.buffer[..receiver.filled], b"\r\n\r\n") {
            break at + 4;
        }
    };
    let answer = &receiver.buffer[..end];
    ensure!(answer.starts_with(b"HTTP/1.1 101"), "no WebSocket: {}", String::from_utf8_lossy(answer));
    receiver.consume(end);
    Ok((sender, receiver))
}

/// A frame with this payload as a client sends it. The masking key is 0, so that the payload stays as it is: to the
/// server it is a key like any other.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

impl Sender {
    /// Sends what [`frame`] has made.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.0.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.0.writable().await?,
                Err(error) => return Err(error).context("cannot write"),
            }
        }
        Ok(())
    }
}

impl Receiver {
    /// Waits for something to come, and shows each whole frame that is there by now. Pings are answered, other
    /// control frames are the end.
    pub(crate) async fn receive(&mut self, mut see: impl FnMut(&[u8])) -> Result<()> {
        // The first frames may have come with the answer to the handshake.
        let is_whole = |(_, payload): (u8, std::ops::Range<usize>)| payload.end <= self.filled;
        if !head(&self.buffer[..self.filled]).is_some_and(is_whole) {
            self.fill().await?;
        }
        let (mut at, mut answers) = (0, Vec::new());
        while let Some((opcode, payload)) = head(&self.buffer[at..self.filled]) {
            let payload = at + payload.start..at + payload.end;
            if payload.end > self.filled {
                // The next read shall have room for the rest.
                self.buffer.resize(self.buffer.len().max(payload.end - at), 0);
                break;
            }
            at = payload.end;
            let payload = &self.buffer[payload];
            match opcode {
                TEXT | BINARY => see(payload),
                PING => answers.extend(frame(PONG, payload)),
                CLOSE => {
                    bail!("the server closed a connection: {}", String::from_utf8_lossy(payload))
                }
                _ => bail!("a frame of kind {opcode} from the server"),
            }
        }
        self.consume(at);
        self.sender.write(&answers).await
    }

    /// Waits until a condition holds, which sees every frame that comes.
    pub(crate) async fn until(&mut self, mut done: impl FnMut(&[u8]) -> bool) -> Result<()> {
        let mut is_done = false;
        while !is_done {
            self.receive(|payload| is_done |= done(payload)).await?;
        }
        Ok(())
    }

    /// Reads once. Of what has been read before nothing is lost.
    async fn fill(&mut self) -> Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        loop {
            self.sender.0.readable().await?;
            match self.sender.0.try_read(&mut self.buffer[self.filled..]) {
                Ok(0) => bail!("the server closed a socket"),
                Ok(read) => {
                    self.filled += read;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("cannot read"),
            }
        }
    }

    fn consume(&mut self, length: usize) {
        self.buffer.copy_within(length..self.filled, 0);
        self.filled -= length;
    }
}

/// The kind of the frame that begins here, and where its payload lies: if so much is there.
fn head(bytes: &[u8]) -> Option<(u8, std::ops::Range<usize>)> {
    let (opcode, short) = (bytes.first()? & 0x0f, bytes.get(1)? & 0x7f);
    let (start, length) = match short {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, short.into()),
    };
    Some((opcode, start..start + length))
}
