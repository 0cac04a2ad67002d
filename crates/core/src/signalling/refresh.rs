//! A fresh token before the present one expires.
//!
//! The server throws out whoever's token has expired. Shortly before, the provider is asked for another one while the
//! connection goes on; when it is there, the connection is replaced at a moment in which no request waits for its
//! answer, or at last half-way to the expiry. The session is resumed, so nothing is missed.

use metered_protocol::{CloseCode, Secret, Value, Welcome};

use super::{Phase, Signalling};
use crate::config::Credential;
use crate::output::SignallingState;
use crate::timers::Timer;
use crate::{Instant, limits};

#[derive(Debug, Default)]
pub(super) struct Refresh {
    /// What waits for a good moment.
    token: Option<Secret>,
    /// When the token of this connection expires.
    expiry: Instant,
    /// The same in the server's words.
    expires_at: f64,
    /// The expiry of the token that was renewed last; 0 if none was. A provider that answers with the same token again is
    /// not asked another time.
    renewed: f64,
}

impl Refresh {
    /// The connection is over.
    pub(super) fn stop(&mut self) {
        self.token = None;
    }
}

impl<V: Value> Signalling<V> {
    /// A connection begins: sets the time for the next token.
    pub(super) fn plan_refresh(&mut self, now: Instant, welcome: &Welcome<V>) {
        let lead = self.config.refresh_before_expiry_ms;
        let Some(expires_at) = welcome.expires_at else { return };
        let may =
            matches!(self.config.credential, Credential::TokenProvider) && self.config.reconnect.is_some();
        if !may || lead == 0 || expires_at <= self.refresh.renewed {
            return;
        }
        // By the server's clock: ours may be wrong. A cast from a float saturates.
        let left = ((expires_at - welcome.server_time) * 1000.0) as u64;
        self.refresh.expiry = now.after(left);
        self.refresh.expires_at = expires_at;
        self.timers.set(Timer::Refresh, now.after(left - lead.min(left / 2)));
    }

    /// The time for a token has come, or the end of waiting for a good moment.
    pub(super) fn handle_refresh_timer(&mut self, now: Instant) {
        if self.phase != Phase::Connected {
            return;
        }
        if self.refresh.token.is_some() {
            self.replace_connection(now);
        } else if self.fetching.is_none() {
            self.fetch_token(now);
        }
    }

    /// Takes the token of a renewal.
    pub(super) fn renewed(&mut self, now: Instant, token: Secret) {
        self.refresh.token = Some(token);
        let half = self.refresh.expiry.since(now) / 2;
        self.timers.set(Timer::Refresh, now.after(half));
        self.replace_if_idle(now);
    }

    /// The connection still holds: the provider is asked again for as long as there is time.
    pub(super) fn renewal_failed(&mut self, now: Instant) {
        let next = now.after(limits::REFRESH_RETRY_MS);
        if next < self.refresh.expiry {
            self.timers.set(Timer::Refresh, next);
        }
    }

    /// Replaces the connection, if a token waits for the moment and no request for its answer.
    pub(super) fn replace_if_idle(&mut self, now: Instant) {
        if self.refresh.token.is_some() && self.requests.is_empty() {
            self.replace_connection(now);
        }
    }

    fn replace_connection(&mut self, now: Instant) {
        let (Some(socket), Some(token)) = (self.connected(), self.refresh.token.take()) else { return };
        self.refresh.renewed = self.refresh.expires_at;
        // The server would have said the same a little later. A clean close would end the session.
        let (code, reason) = (CloseCode::TOKEN_EXPIRED, "token refresh");
        self.close_socket(socket, code, reason);
        self.leave_connection();
        self.disconnected(code, reason.to_owned(), true);
        self.transition(SignallingState::Reconnecting);
        let address = self.config.url.with_token(&token);
        self.open(now, address);
    }
}
