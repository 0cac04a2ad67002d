//! What is said in the frames.

use anyhow::{Result, ensure};
use memchr::memmem;

use crate::Target;
use crate::wire::{self, BINARY, Receiver, Sender, TEXT, frame};

/// The one channel that everybody uses.
const CHANNEL: &str = "bench";

/// The key that a server knows in its `--dev` mode.
const KEY: &str = "pk_live_dev";

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// The project's protocol: JSON in text frames.
    Metered,
    /// NATS's client protocol in binary frames. It is a stream of lines; frames mean nothing in it. The server
    /// acknowledges what it is told, as clients ask for by `verbose`.
    Nats,
}

/// What came in one frame or, with NATS, since the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) acks: usize,
    pub(crate) messages: usize,
}

/// Makes sense of what comes on one connection.
#[derive(Debug)]
pub(crate) struct Listener {
    dialect: Dialect,
    /// The rest of a line or message whose end has not come.
    rest: Vec<u8>,
}

/// Connects and waits for the server's welcome.
pub(crate) async fn enter(target: Target) -> Result<(Sender, Receiver)> {
    match target.dialect {
        Dialect::Metered => {
            let (sender, mut receiver) = wire::connect(target.address, &format!("/v1?key={KEY}")).await?;
            receiver.until(|text| text.starts_with(br#"{"type":"welcome""#)).await?;
            Ok((sender, receiver))
        }
        Dialect::Nats => {
            let (sender, mut receiver) = wire::connect(target.address, "/").await?;
            sender.write(&frame(BINARY, b"CONNECT {\"verbose\":true,\"pedantic\":false}\r\n")).await?;
            receiver.until(|lines| memmem::find(lines, b"+OK\r\n").is_some()).await?;
            Ok((sender, receiver))
        }
    }
}

/// Subscribes to the channel and waits for the acknowledgement.
pub(crate) async fn subscribe(target: Target, sender: &Sender, receiver: &mut Receiver) -> Result<()> {
    sender.write(&subscription(target.dialect)).await?;
    let mut listener = Listener::new(target.dialect);
    receiver.until(|payload| listener.hear(payload, |_| {}).acks > 0).await
}

/// The frame that subscribes to the channel.
pub(crate) fn subscription(dialect: Dialect) -> Vec<u8> {
    match dialect {
        Dialect::Metered => {
            let text = format!(r#"{{"type":"subscribe","channel":"{CHANNEL}","requestId":"s"}}"#);
            frame(TEXT, text.as_bytes())
        }
        Dialect::Nats => frame(BINARY, format!("SUB {CHANNEL} 1\r\n").as_bytes()),
    }
}

/// The frame that publishes a message. As JSON, its quotes belong to its length.
pub(crate) fn publication(dialect: Dialect, message: &str) -> Vec<u8> {
    match dialect {
        Dialect::Metered => {
            let text = format!(
                r#"{{"type":"publish","channel":"{CHANNEL}","data":"{}","requestId":"p"}}"#,
                &message[..message.len() - 2]
            );
            frame(TEXT, text.as_bytes())
        }
        Dialect::Nats => {
            frame(BINARY, format!("PUB {CHANNEL} {}\r\n{message}\r\n", message.len()).as_bytes())
        }
    }
}

impl Listener {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, rest: Vec::new() }
    }

    /// Counts what a frame brings, and shows each message, or what it came in.
    pub(crate) fn hear(&mut self, payload: &[u8], mut see: impl FnMut(&[u8])) -> Heard {
        let mut heard = Heard::default();
        match self.dialect {
            Dialect::Metered if payload.starts_with(br#"{"type":"message""#) => {
                see(payload);
                heard.messages = 1;
            }
            Dialect::Metered => heard.acks = usize::from(payload.starts_with(br#"{"type":"ack""#)),
            Dialect::Nats if self.rest.is_empty() => {
                let used = lines(payload, &mut heard, &mut see);
                self.rest.extend(&payload[used..]);
            }
            Dialect::Nats => {
                self.rest.extend(payload);
                let used = lines(&self.rest, &mut heard, &mut see);
                self.rest.drain(..used);
            }
        }
        heard
    }
}

/// Goes through what a NATS server says. Answers how much of it was whole.
fn lines(bytes: &[u8], heard: &mut Heard, see: &mut impl FnMut(&[u8])) -> usize {
    let mut at = 0;
    while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..=at + end];
        let mut next = at + line.len();
        if line.starts_with(b"MSG ") {
            // `MSG subject sid length`, then the message.
            let length = line.trim_ascii_end().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            let length = length.iter().fold(0, |sum, digit| 10 * sum + usize::from(digit.wrapping_sub(b'0')));
            let message = next..next + length;
            next = message.end + 2;
            if next > bytes.len() {
                break;
            }
            see(&bytes[message]);
            heard.messages += 1;
        } else if line.starts_with(b"+OK") {
            heard.acks += 1;
        }
        at = next;
    }
    at
}

/// A message of a length that says when it was sent, in nanoseconds on the sender's clock.
pub(crate) fn stamped(length: usize, at: u64) -> Result<String> {
    let stamp = format!("@{at:019}");
    ensure!(length >= stamp.len() + 2, "a message has at least {} bytes", stamp.len() + 2);
    Ok(format!("{stamp:x<length$}"))
}

/// When the message that came in this was sent.
pub(crate) fn stamp(bytes: &[u8]) -> Option<u64> {
    let at = memchr::memchr(b'@', bytes)? + 1;
    std::str::from_utf8(bytes.get(at..at + 19)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nats_says_may_be_cut_anywhere() {
        let text = b"+OK\r\nMSG bench 1 5\r\nhello\r\nPING\r\nMSG bench 1 2\r\n\r\n\r\n+OK\r\n";
        for cut in 0..=text.len() {
            let (mut listener, mut seen) = (Listener::new(Dialect::Nats), Vec::new());
            let first = listener.hear(&text[..cut], |message| seen.push(message.to_vec()));
            let second = listener.hear(&text[cut..], |message| seen.push(message.to_vec()));
            assert_eq!(
                (first.acks + second.acks, seen),
                (2, vec![b"hello".to_vec(), b"\r\n".to_vec()]),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_message_is_as_long_as_it_should_be_and_says_when_it_was_sent() {
        let message = stamped(100, 1_234_567).unwrap();
        assert_eq!((message.len(), stamp(message.as_bytes())), (100, Some(1_234_567)));
        let frame = publication(Dialect::Metered, &message);
        assert_eq!(stamp(&frame), Some(1_234_567));
    }
}
