//! What is wrong with a request, in the one shape that all endpoints answer with.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal: `{error, message}` with a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    /// For programs; stable.
    error: &'static str,
    /// For people. Never holds a credential.
    message: Cow<'static, str>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    message: &'a str,
}

impl Problem {
    /// Whatever is wrong with a key, the answer is the same, so that nobody learns which keys exist.
    pub(super) const UNAUTHORIZED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "give a secret key as `Authorization: Bearer <key id>:<secret>`",
    );
    pub(super) const ACTION_NOT_PERMITTED: Self =
        Self::new(StatusCode::FORBIDDEN, "action_not_permitted", "the key does not permit this action");
    pub(super) const CHANNEL_NOT_AUTHORIZED: Self =
        Self::new(StatusCode::FORBIDDEN, "channel_not_authorized", "the key does not reach this channel");
    pub(super) const CHANNEL_RESERVED: Self =
        Self::new(StatusCode::BAD_REQUEST, "channel_reserved", "the channel's prefix is reserved");
    pub(super) const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such endpoint");
    pub(super) const METHOD_NOT_ALLOWED: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the endpoint does not have this method",
    );
    pub(super) const BODY_TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "a body may have 32 KB");
    pub(super) const TOO_MANY_REQUESTS: Self =
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many requests with this key");
    pub(super) const TOO_MANY_FAILURES: Self = Self::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "too many requests without a valid key from this address",
    );
    pub(super) const GOING_AWAY: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "going_away", "the server is about to end");
    pub(super) const INTERNAL: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "internal_error", "the server could not do it");

    pub(super) const OTHERS_UNREACHABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "internal_error",
        "done at this server, but another one did not answer",
    );

    const fn new(status: StatusCode, error: &'static str, message: &'static str) -> Self {
        Self { status, error, message: Cow::Borrowed(message) }
    }

    /// The request does not say what it must.
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request", message: message.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(Body { error: self.error, message: &self.message });
        match self.status {
            StatusCode::UNAUTHORIZED => (self.status, [(WWW_AUTHENTICATE, "Bearer")], body).into_response(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                (self.status, [(RETRY_AFTER, "1")], body).into_response()
            }
            status => (status, body).into_response(),
        }
    }
}
