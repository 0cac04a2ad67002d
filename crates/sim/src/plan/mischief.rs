//! What a server, or something before it, does to the frames of bare clients though it should not.
//!
//! A WebSocket keeps what is written to it whole and in order. A server that answers from several workers, or a proxy
//! that takes sockets apart, does not need to. This is what may happen to a frame on its way to a client, in worlds
//! where it may and while faults strike:
//!
//! | frame | lost | twice | behind later frames |
//! |---|---|---|---|
//! | `ack`, `error` | yes | yes | yes |
//! | `pong`, `going_away` | no | yes | yes |
//! | `welcome` | no | yes | no |
//! | `presence` | no | where no session is resumed | no |
//! | `message`, `direct` | no | no | no |
//!
//! A server that is overloaded may also refuse to subscribe a client, a few times, and do it when it is asked again. Its
//! refusal may take so long that nobody waits for it any more.
//!
//! What has a number in a session is neither repeated nor moved: a client can only count such frames, so one too many
//! would be one too few after a resume, and no client could tell. Something that is no frame at all may come at any
//! time, and in all worlds.

use crate::dice::Dice;

/// The odds of each kind of mischief, in percent of the frames that it may happen to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mischief {
    /// Answers that are lost.
    pub lost: u64,
    /// Frames that come twice.
    pub twins: u64,
    /// Frames that fall behind those that were sent after them.
    pub stragglers: u64,
    /// Subscriptions that are put off: refused, though they are allowed.
    pub put_off: u64,
}

impl Mischief {
    /// Most servers do none.
    pub fn draw(dice: &mut Dice) -> Self {
        if dice.percent(50) {
            return Self::default();
        }
        Self {
            lost: *dice.pick(&[0, 3, 15]),
            twins: *dice.pick(&[0, 5, 30]),
            stragglers: *dice.pick(&[0, 5, 30]),
            put_off: *dice.pick(&[0, 50, 80]),
        }
    }
}
