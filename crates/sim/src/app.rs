//! What the programs that use the library call: what they should, and some of what they should not.

use metered_core::{Call, Measured};
use metered_protocol::{Channel, CloseCode, PeerId};
use serde_json::{Value as Json, json};

use crate::dice::Dice;
use crate::kernel::Who;
use crate::plan::Opener;

/// The channels of bare clients.
pub const CHANNELS: [&str; 4] = ["a", "b", "c", "d"];

/// A program.
#[derive(Debug)]
pub struct App {
    who: Who,
    channel: Channel,
    messages: u32,
}

impl App {
    /// A program that has done nothing yet.
    pub fn new(who: Who, channel: Channel) -> Self {
        Self { who, channel, messages: 0 }
    }

    /// `join()`
    pub fn join(&self) -> Call<Json> {
        Call::Join { channel: self.channel.clone(), include_sender_metadata: false }
    }

    fn close(&self) -> Call<Json> {
        Call::Close { code: CloseCode::NORMAL, reason: Some("bye".into()) }
    }

    /// A payload that nobody else ever sends.
    pub fn message(&mut self) -> Measured<Json> {
        self.messages += 1;
        let value = json!({ "n": format!("{}#{}", self.who, self.messages) });
        Measured { bytes: value.to_string().len(), value }
    }

    fn long_message(&mut self) -> Measured<Json> {
        Measured { bytes: 70_000, ..self.message() }
    }

    /// Something that programs do in a room.
    pub fn act_in_a_room(
        &mut self,
        dice: &mut Dice,
        own: Option<&PeerId>,
        others: &[PeerId],
        may_close: bool,
    ) -> Call<Json> {
        match (dice.below(100), own) {
            (50..75, _) if !others.is_empty() => {
                Call::SendTo { to: dice.pick(others).clone(), data: self.message() }
            }
            (75..80, _) => Call::SendTo { to: nobody(), data: self.message() },
            (80..85, Some(own)) => Call::SendTo { to: own.clone(), data: self.message() },
            (85..90, _) => Call::Broadcast { data: self.long_message() },
            (90..95, _) => self.join(),
            (95..98, _) if may_close => self.close(),
            _ => Call::Broadcast { data: self.message() },
        }
    }

    /// Something that programs do with channels.
    pub fn act_with_channels(&mut self, dice: &mut Dice, others: &[PeerId], may_close: bool) -> Call<Json> {
        let channel = channel(CHANNELS[dice.below(CHANNELS.len())]);
        match dice.below(100) {
            0..30 => Call::Subscribe { channel, include_sender_metadata: dice.percent(50) },
            30..45 => Call::Unsubscribe { channel },
            45..65 if !others.is_empty() => {
                Call::SendTo { to: dice.pick(others).clone(), data: self.message() }
            }
            65..70 => Call::SendTo { to: nobody(), data: self.message() },
            70..75 => Call::Publish { channel, data: self.long_message() },
            75..78 => Call::Connect,
            78..81 => self.join(),
            81..84 if may_close => self.close(),
            _ => Call::Publish { channel, data: self.message() },
        }
    }

    /// Calls about one channel that contradict each other.
    pub fn waver(&mut self, dice: &mut Dice) -> Vec<Call<Json>> {
        let channel = channel(CHANNELS[dice.below(CHANNELS.len())]);
        let waver = (0..dice.between((2, 4))).map(|_| match dice.below(3) {
            0 => Call::Unsubscribe { channel: channel.clone() },
            _ => Call::Subscribe { channel: channel.clone(), include_sender_metadata: dice.percent(50) },
        });
        waver.collect()
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

/// A channel of a good name.
pub fn channel(name: &str) -> Channel {
    Channel::parse(name).expect("a good name")
}

fn nobody() -> PeerId {
    PeerId::parse("nobody").expect("a good name")
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
