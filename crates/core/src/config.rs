//! What a client is constructed with.

use metered_protocol::{Secret, ServerUrl};

/// How a client authenticates.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A publishable key, the same at each connect.
    ApiKey(Secret),
    /// Tokens are asked for at each connect, by [`crate::Command::FetchToken`].
    TokenProvider,
}

/// The configuration of a [`crate::Core`]. Durations are milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server's origin.
    pub url: ServerUrl,
    /// How to authenticate.
    pub credential: Credential,
    /// How long a token may take. Default 10,000.
    pub token_provider_timeout_ms: u64,
    /// How to come back after a drop; `None` never does. Default: [`Reconnect::default`].
    pub reconnect: Option<Reconnect>,
    /// A connection that is silent for so long is given up; `None` watches nothing and sends no keepalive.
    /// Default 60,000.
    pub inactivity_timeout_ms: Option<u64>,
    /// How long before its token expires a connection is replaced by one with a fresh token, in milliseconds; 0
    /// never does. At most half of what the token has left. Default 30,000.
    pub refresh_before_expiry_ms: u64,
    /// Whether subscriptions are replayed after a reconnect. Default true. A room always replays its own.
    pub auto_resubscribe: bool,
}

impl Config {
    /// The configuration that the documentation calls the default.
    pub fn new(url: ServerUrl, credential: Credential) -> Self {
        Self {
            url,
            credential,
            token_provider_timeout_ms: 10_000,
            reconnect: Some(Reconnect::default()),
            inactivity_timeout_ms: Some(60_000),
            refresh_before_expiry_ms: 30_000,
            auto_resubscribe: true,
        }
    }
}

/// Exponential backoff: `min(initial × multiplier^(attempt − 1), max) ± jitter`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconnect {
    /// Delay before the first attempt, in milliseconds. Default 500.
    pub initial_delay_ms: f64,
    /// Growth per attempt. Default 2.
    pub multiplier: f64,
    /// Longest delay, in milliseconds. Default 30,000.
    pub max_delay_ms: f64,
    /// Random share of the delay, both ways. Default 0.2.
    pub jitter_ratio: f64,
    /// Consecutive failures after which the client gives up; infinity never does. Default 100.
    pub max_attempts: f64,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            initial_delay_ms: 500.0,
            multiplier: 2.0,
            max_delay_ms: 30_000.0,
            jitter_ratio: 0.2,
            max_attempts: 100.0,
        }
    }
}

/// A reconnect option that would hammer the server or mean nothing: the option's name and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidReconnect {
    /// The option, as TypeScript names it.
    pub option: &'static str,
    /// Completes the sentence "`option` …".
    pub must: &'static str,
}

impl Reconnect {
    /// Checks that the options describe a backoff.
    pub fn validate(&self) -> Result<(), InvalidReconnect> {
        let check = |ok: bool, option, must| if ok { Ok(()) } else { Err(InvalidReconnect { option, must }) };
        let finite_positive = |n: f64| n.is_finite() && n > 0.0;
        check(finite_positive(self.initial_delay_ms), "initialDelayMs", "must be finite and > 0")?;
        check(
            self.multiplier.is_finite() && self.multiplier >= 1.0,
            "multiplier",
            "must be finite and >= 1",
        )?;
        check(
            self.max_delay_ms.is_finite() && self.max_delay_ms >= self.initial_delay_ms,
            "maxDelayMs",
            "must be finite and >= initialDelayMs",
        )?;
        check((0.0..=1.0).contains(&self.jitter_ratio), "jitterRatio", "must be from 0 to 1")?;
        // The fraction of infinity is not a number.
        let is_whole = self.max_attempts.is_infinite() || self.max_attempts.fract() == 0.0;
        check(self.max_attempts >= 0.0 && is_whole, "maxAttempts", "must be an integer >= 0 or Infinity")
    }

    /// The delay before an attempt (the first is 1), in milliseconds. `random` is from 0 to 1.
    pub(crate) fn delay_ms(&self, attempt: u32, floor_ms: u64, random: f64) -> u64 {
        let mut delay = self.initial_delay_ms;
        for _ in 1..attempt {
            if delay >= self.max_delay_ms {
                break;
            }
            delay *= self.multiplier;
        }
        let delay = delay.min(self.max_delay_ms);
        let jittered = delay + delay * self.jitter_ratio * (random * 2.0 - 1.0);
        // The floor is a promise to the server: jitter lengthens it and never cuts it.
        let floored = (floor_ms as f64) * (1.0 + self.jitter_ratio * random);
        jittered.max(if floor_ms == 0 { 0.0 } else { floored }) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_maximum_and_jitters_both_ways() {
        let reconnect = Reconnect::default();
        let delays: Vec<u64> = (1..=9).map(|n| reconnect.delay_ms(n, 0, 0.5)).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(reconnect.delay_ms(1, 0, 0.0), 400);
        assert_eq!(reconnect.delay_ms(1, 0, 1.0), 600);
        assert_eq!(reconnect.delay_ms(u32::MAX, 0, 1.0), 36_000);
    }

    #[test]
    fn a_floor_is_never_undercut() {
        let reconnect = Reconnect::default();
        for random in [0.0, 0.3, 1.0] {
            assert!(reconnect.delay_ms(1, 30_000, random) >= 30_000);
        }
    }

    #[test]
    fn options_that_describe_no_backoff_are_named() {
        let base = Reconnect::default();
        let option = |r: Reconnect| r.validate().map_err(|e| e.option);
        assert_eq!(option(base), Ok(()));
        assert_eq!(option(Reconnect { max_attempts: f64::INFINITY, ..base }), Ok(()));
        assert_eq!(option(Reconnect { initial_delay_ms: 0.0, ..base }), Err("initialDelayMs"));
        assert_eq!(option(Reconnect { initial_delay_ms: f64::NAN, ..base }), Err("initialDelayMs"));
        assert_eq!(option(Reconnect { multiplier: 0.9, ..base }), Err("multiplier"));
        assert_eq!(option(Reconnect { max_delay_ms: 1.0, ..base }), Err("maxDelayMs"));
        assert_eq!(option(Reconnect { jitter_ratio: 1.1, ..base }), Err("jitterRatio"));
        for max_attempts in [-1.0, 0.5, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(option(Reconnect { max_attempts, ..base }), Err("maxAttempts"));
        }
    }
}
