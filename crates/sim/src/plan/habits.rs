//! How a bare client is configured, and what the page around it is like.

use metered_core::Reconnect;

use super::Range;
use crate::dice::Dice;

/// What one program chose when it made its `SignallingClient`.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How it comes back after a drop, if it does.
    pub reconnect: Option<Reconnect>,
    /// The silence after which it gives a connection up. Without one nobody but the operating system finds a dead
    /// socket.
    pub inactivity_ms: Option<u64>,
    /// Whether its subscriptions are replayed.
    pub auto_resubscribe: bool,
    /// How long before its token expires it is renewed; 0 for never.
    pub refresh_ms: u64,
    /// How long its token provider takes.
    pub provider_ms: Range,
    /// Whether its token provider answers with the same token for as long as that lives.
    pub caches_token: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            reconnect: Some(Reconnect::default()),
            inactivity_ms: Some(60_000),
            auto_resubscribe: true,
            refresh_ms: 30_000,
            provider_ms: (0, 500),
            caches_token: false,
        }
    }
}

impl Habits {
    /// The habits of a bare client.
    pub fn draw(dice: &mut Dice) -> Self {
        let usual = Reconnect::default();
        let fast = Reconnect {
            initial_delay_ms: 50.0,
            multiplier: 1.5,
            max_delay_ms: 1_000.0,
            jitter_ratio: 0.5,
            ..usual
        };
        let slow = Reconnect { initial_delay_ms: 3_000.0, multiplier: 1.0, jitter_ratio: 0.0, ..usual };
        let brief = Reconnect { max_attempts: 2.0, ..usual };
        Self {
            reconnect: *dice.pick(&[
                Some(usual),
                Some(usual),
                Some(usual),
                Some(fast),
                Some(slow),
                Some(brief),
                None,
            ]),
            // Longer than a healthy network may take for a ping and its answer, timers being late.
            inactivity_ms: *dice.pick(&[Some(60_000), Some(60_000), Some(20_000), Some(10_000), None]),
            auto_resubscribe: !dice.percent(20),
            refresh_ms: *dice.pick(&[30_000, 30_000, 5_000, 0]),
            provider_ms: *dice.pick(&[(0, 500), (0, 500), (0, 9_900)]),
            caches_token: dice.percent(20),
        }
    }
}
