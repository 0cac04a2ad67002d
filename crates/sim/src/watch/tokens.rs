//! A token is renewed in time, once, and its connection is replaced in time.

use metered_core::{Instant, limits};
use metered_protocol::CloseCode;
use serde_json::Value as Json;

use crate::kernel::{Kernel, Who};
use crate::server::EPOCH_MS;

const RULE: &str = "a token is renewed in time and once";
const NOT_4002: &str = "nobody is thrown out whose token could be renewed";

/// The token of the present connection.
#[derive(Debug)]
pub struct Tokens {
    /// How long before its end it is renewed; 0 where it is not.
    lead: u64,
    lateness: u64,
    /// Whether the provider answers fast, and with a new token each time.
    is_good: bool,
    life: Option<Life>,
    /// The end of the token that was replaced last.
    replaced: Option<f64>,
}

#[derive(Debug)]
struct Life {
    expires_at: f64,
    /// When it expires, as the client must think.
    expiry: Instant,
    /// When the next thing may be done, and when it must be.
    from: Instant,
    due: Instant,
    step: Step,
    /// Nothing goes wrong, and there is time enough.
    is_easy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ask,
    Wait,
    Replace,
    /// There is no time for another try.
    Never,
}

impl Tokens {
    /// The tokens of a client.
    pub fn new(lead: u64, lateness: u64, is_good: bool) -> Self {
        Self { lead, lateness, is_good, life: None, replaced: None }
    }

    /// A connection begins.
    pub fn welcomed(&mut self, now: Instant, welcome: &Json) {
        self.life = None;
        let (Some(expires_at), Some(server_time)) =
            (welcome["expiresAt"].as_f64(), welcome["serverTime"].as_f64())
        else {
            return;
        };
        let left = ((expires_at - server_time) * 1000.0) as u64;
        let ask_after = left - self.lead.min(left / 2);
        let is_new = self.replaced.is_none_or(|replaced| expires_at > replaced);
        let truly_left = (expires_at as u64 * 1000).saturating_sub(EPOCH_MS + 250).saturating_sub(now.0);
        // Asked late, answered late, and replaced half-way to the end, late again.
        let replaced_after = (left + ask_after + 500) / 2 + 2 * self.lateness;
        self.life = Some(Life {
            expires_at,
            expiry: now.after(left),
            from: now.after(ask_after),
            due: now.after(ask_after),
            step: if is_new && self.lead > 0 { Step::Ask } else { Step::Never },
            is_easy: self.is_good && replaced_after < truly_left,
        });
    }

    /// The provider is asked on behalf of a connection that stands.
    pub fn asked(&mut self, kernel: &mut Kernel, who: Who, hangs: bool) {
        kernel.saw("renewal");
        match &mut self.life {
            Some(life) if matches!(life.step, Step::Ask | Step::Wait) && life.from <= kernel.now => {
                life.step = Step::Wait;
                // One that hangs is given up and asked again.
                life.from = kernel.now.after(10_000 + limits::REFRESH_RETRY_MS);
                life.due = life.from;
                life.is_easy &= !hangs;
            }
            life => {
                let what = format!("{who} asks out of turn: {life:?}");
                kernel.violated(RULE, what);
            }
        }
    }

    /// The provider has answered what it was asked on behalf of a connection.
    pub fn answered(&mut self, kernel: &mut Kernel, usable: bool) {
        let (now, Some(life)) = (kernel.now, &mut self.life) else { return };
        if usable {
            (life.step, life.due) = (Step::Replace, now.after(life.expiry.since(now) / 2));
            return;
        }
        kernel.saw("renewal that failed");
        (life.step, life.is_easy) = (Step::Ask, false);
        life.from = now.after(limits::REFRESH_RETRY_MS);
        life.due = life.from;
        if life.due >= life.expiry {
            life.step = Step::Never;
        }
    }

    /// The core replaces the connection.
    pub fn replaced(&mut self, kernel: &mut Kernel, who: Who) {
        match self.life.take() {
            Some(life) if life.step == Step::Replace => self.replaced = Some(life.expires_at),
            life => kernel.violated(RULE, format!("{who} replaces its connection out of turn: {life:?}")),
        }
    }

    /// The socket is closed.
    pub fn closed(&mut self, kernel: &mut Kernel, who: Who, code: CloseCode) {
        self.inspect(kernel, who);
        if let Some(life) = self.life.take()
            && code == CloseCode::TOKEN_EXPIRED
        {
            kernel.saw("token expired");
            if life.is_easy && life.step != Step::Never {
                kernel.violated(NOT_4002, format!("{who} is thrown out with {life:?}"));
            }
        }
    }

    /// The page has slept.
    pub fn slept(&mut self, ms: u64) {
        if let Some(life) = &mut self.life {
            life.due = life.due.after(ms);
            life.is_easy = false;
        }
    }

    /// Looks for what should have been done.
    pub fn inspect(&self, kernel: &mut Kernel, who: Who) {
        if let Some(life) = &self.life
            && life.step != Step::Never
            // A token that timed out was late once itself.
            && life.due.after(2 * self.lateness) < kernel.now
            // Where the provider hung, there may be no time to ask again.
            && (life.step != Step::Wait || life.due.after(2 * self.lateness) < life.expiry)
        {
            kernel.violated(RULE, format!("{who} does not renew its token: {life:?}"));
        }
    }
}
