//! Who calls: the holder of a secret key, and how often.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use metered_protocol::Channel;
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::auth::{Keys, SecretKey};
use crate::hub::{TokenBucket, UnixMillis};
use crate::net::App;
use crate::{Action, Limits, ServerState};

/// The secret key that a request was made with, and the app that it opens.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) app: Arc<App>,
    pub(super) key: SecretKey,
}

impl Caller {
    /// Whether the key permits this on a channel.
    pub(super) fn check(&self, action: Action, channel: &Channel) -> Result<(), Problem> {
        if channel.is_reserved() {
            return Err(Problem::CHANNEL_RESERVED);
        }
        if !self.key.grants.permit(action) {
            return Err(Problem::ACTION_NOT_PERMITTED);
        }
        if !self.key.grants.reach(channel) {
            return Err(Problem::CHANNEL_NOT_AUTHORIZED);
        }
        Ok(())
    }
}

impl FromRequestParts<ServerState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let from = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(from)| state.config().trusted_proxies.client(from.ip(), &parts.headers));
        // Not even a valid key is looked at then, or guessing could go on.
        if from.is_some_and(|from| !state.may_present_key(from)) {
            return Err(Problem::TOO_MANY_FAILURES);
        }
        let refuse = || {
            if let Some(from) = from {
                state.note_wrong_key(from);
            }
            Problem::UNAUTHORIZED
        };
        let (app, key) =
            bearer(&parts.headers).and_then(|given| find(state.apps(), given)).ok_or_else(refuse)?;
        if state.is_draining() {
            return Err(Problem::GOING_AWAY);
        }
        if !state.callers().admit(&key.id) {
            return Err(Problem::TOO_MANY_REQUESTS);
        }
        tracing::debug!(app = app.id, key = key.id, method = %parts.method, path = parts.uri.path(), "request");
        Ok(Self { app: app.clone(), key: key.clone() })
    }
}

/// What a request presents as `Authorization: Bearer …`, unless it presents several things.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, credential) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| credential.trim_ascii())
}

/// The secret key that is presented.
fn find<'a>(apps: &'a [Arc<App>], presented: &[u8]) -> Option<(&'a Arc<App>, &'a SecretKey)> {
    let (id, secret) = split(presented)?;
    // Every app is asked, for the same reason for which each looks at all of its keys.
    let found = apps.iter().map(|app| (app, find_key(&app.keys, id, secret)));
    found.fold(None, |found, (app, key)| key.map(|key| (app, key)).or(found))
}

/// The id and the secret in `<id>:<secret>`.
fn split(presented: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = presented.iter().position(|byte| *byte == b':')?;
    Some((presented.get(..colon)?, presented.get(colon + 1..)?))
}

/// Looks at every key, id and secret, so that the time it takes says nothing about any of them.
fn find_key<'a>(keys: &'a Keys, id: &[u8], secret: &[u8]) -> Option<&'a SecretKey> {
    let mut found = None;
    for key in &keys.secret {
        let is_it = key.id.as_bytes().ct_eq(id) & key.secret.expose().as_bytes().ct_eq(secret);
        if bool::from(is_it) {
            found = Some(key);
        }
    }
    found
}

/// How often each key has been used of late. Only keys that exist are counted, so there is no more than they are.
#[derive(Debug)]
pub(crate) struct Callers {
    limits: Limits,
    buckets: Mutex<BTreeMap<String, TokenBucket>>,
}

impl Callers {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    fn admit(&self, key: &str) -> bool {
        self.admit_at(crate::net::now(), key)
    }

    /// Counts a request. False if it is one too many.
    fn admit_at(&self, now: UnixMillis, key: &str) -> bool {
        let Some(full) = TokenBucket::for_requests(&self.limits, now) else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.entry(key.to_owned()).or_insert(full).take(now)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use metered_protocol::Secret;

    use super::*;

    fn id_of(keys: &Keys, authorization: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())]);
        let (id, secret) = split(bearer(&headers)?)?;
        find_key(keys, id, secret).map(|key| key.id.clone())
    }

    #[test]
    fn a_secret_key_is_known_by_its_id_and_its_secret_together() {
        let mut keys = Keys::dev();
        let mut second = keys.secret[0].clone();
        (second.id, second.secret) = ("sk_id_2".into(), Secret::new("with:colons"));
        keys.secret.push(second);
        for (presented, expected) in [
            ("Bearer sk_id_dev:sk_secret_dev", Some("sk_id_dev")),
            ("bearer   sk_id_dev:sk_secret_dev ", Some("sk_id_dev")),
            ("Bearer sk_id_2:with:colons", Some("sk_id_2")),
            ("Bearer sk_id_2:sk_secret_dev", None),
            ("Bearer sk_id_dev:with:colons", None),
            ("Bearer sk_id_dev", None),
            ("Bearer sk_id_dev:", None),
            ("Bearer :sk_secret_dev", None),
            ("Bearer sk_id_dev:sk_secret_dev2", None),
            ("Bearer pk_live_dev", None),
            ("Bearer pk_live_dev:", None),
            ("Bearer pk_live_dev:pk_live_dev", None),
            ("Basic sk_id_dev:sk_secret_dev", None),
            ("Bearer", None),
            ("", None),
            ("Bearer \u{e9}", None),
        ] {
            assert_eq!(id_of(&keys, presented).as_deref(), expected, "{presented}");
        }
    }

    #[test]
    fn keys_are_counted_apart_and_without_a_limit_not_at_all() {
        let limits = Limits { requests_per_second: 1, request_burst: 2, ..Limits::default() };
        let callers = Callers::new(limits);
        let admit = |ms, key| callers.admit_at(UnixMillis(ms), key);
        assert!(admit(0, "a") && admit(0, "a") && !admit(0, "a"));
        assert!(admit(0, "b"));
        assert!(!admit(999, "a") && admit(1000, "a"));
        let callers = Callers::new(Limits { requests_per_second: 0, ..limits });
        assert!((0..1000).all(|_| callers.admit_at(UnixMillis(0), "a")));
    }
}
