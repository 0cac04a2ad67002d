//! The application of one client: what a program that uses the library does, and some that it should not.

use metered_core::{Call, Measured};
use metered_protocol::{Channel, CloseCode, PeerId};
use serde_json::{Value as Json, json};

use crate::dice::Dice;
use crate::kernel::Who;
use crate::plan::Opener;

/// The application.
#[derive(Debug)]
pub struct App {
    who: Who,
    channel: Channel,
    messages: u32,
}

impl App {
    /// An application that will join a channel.
    pub fn new(who: Who, channel: Channel) -> Self {
        Self { who, channel, messages: 0 }
    }

    /// `join()`
    pub fn join(&self) -> Call<Json> {
        Call::Join { channel: self.channel.clone(), include_sender_metadata: false }
    }

    /// `close()`
    pub fn close(&self) -> Call<Json> {
        Call::Close { code: CloseCode::NORMAL, reason: Some("bye".into()) }
    }

    /// A payload that nobody else ever sends.
    pub fn message(&mut self) -> Measured<Json> {
        self.messages += 1;
        let value = json!({ "n": format!("{}#{}", self.who, self.messages) });
        Measured { bytes: value.to_string().len(), value }
    }

    /// Something that applications do.
    pub fn act(
        &mut self,
        dice: &mut Dice,
        own: Option<&PeerId>,
        others: &[PeerId],
        may_close: bool,
    ) -> Call<Json> {
        match dice.below(100) {
            0..50 => Call::Broadcast { data: self.message() },
            50..75 if !others.is_empty() => {
                Call::SendTo { to: dice.pick(others).clone(), data: self.message() }
            }
            75..80 => {
                let nobody = PeerId::parse("nobody").expect("a name");
                Call::SendTo { to: nobody, data: self.message() }
            }
            80..85 if own.is_some() => Call::SendTo { to: own.expect("some").clone(), data: self.message() },
            85..90 => Call::Broadcast { data: Measured { bytes: 70_000, ..self.message() } },
            90..95 => self.join(),
            95..98 if may_close => self.close(),
            _ => Call::Broadcast { data: self.message() },
        }
    }

    /// Whether this side opens the data channel to a peer.
    pub fn opens(opener: Opener, own: &PeerId, other: &PeerId) -> bool {
        match opener {
            Opener::Both => true,
            Opener::Lower => own < other,
            Opener::Higher => own > other,
        }
    }
}

/// A method's name.
pub fn method(call: &Call<Json>) -> &'static str {
    match call {
        Call::Connect => "connect",
        Call::Close { .. } => "close",
        Call::Subscribe { .. } => "subscribe",
        Call::Unsubscribe { .. } => "unsubscribe",
        Call::Publish { .. } => "publish",
        Call::SendTo { .. } => "sendTo",
        Call::Join { .. } => "join",
        Call::Broadcast { .. } => "send",
    }
}
