//! Close codes with the client's retry policy, and the codes of `error` frames.

use std::borrow::Cow;
use std::fmt;

/// What a client does after a close with a given code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Connect again after the normal backoff.
    Backoff,
    /// Connect again, but wait at least this many milliseconds.
    BackoffWithFloor(u64),
    /// Do not connect again: only the application can change what the server objected to.
    Never,
}

/// A WebSocket close code. Any number is one; the named ones have a meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// Normal closure (RFC 6455).
    pub const NORMAL: Self = Self(1000);
    /// The server goes away, for a deploy for example.
    pub const GOING_AWAY: Self = Self(1001);
    /// No close frame was received (RFC 6455, never on the wire).
    pub const ABNORMAL: Self = Self(1006);
    /// The server closed a connection that broke a rule, a consumer that was too slow for example.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A frame was longer than `maxMessageSize`.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The client heard nothing for its inactivity timeout. Sent by clients only.
    pub const CLIENT_INACTIVITY: Self = Self(4000);
    /// The key or token was refused.
    pub const INVALID_TOKEN: Self = Self(4001);
    /// The token's `exp` has come.
    pub const TOKEN_EXPIRED: Self = Self(4002);
    /// The credential gives no access to the channel.
    pub const CHANNEL_NOT_AUTHORIZED: Self = Self(4003);
    /// Too many connections at once, for the app or the address.
    pub const OVER_CONCURRENT_LIMIT: Self = Self(4010);
    /// Too many messages per second on this connection.
    pub const OVER_MESSAGE_RATE: Self = Self(4011);
    /// The account is suspended.
    pub const ACCOUNT_SUSPENDED: Self = Self(4012);
    /// An administrator closed the connection.
    pub const ADMIN_DISCONNECT: Self = Self(4020);

    /// Delay before which a client does not come back after [`CloseCode::OVER_CONCURRENT_LIMIT`], in
    /// milliseconds.
    pub const OVER_CONCURRENT_LIMIT_FLOOR_MS: u64 = 30_000;

    /// What a client does after this code.
    pub const fn retry(self) -> Retry {
        match self {
            Self::INVALID_TOKEN
            | Self::CHANNEL_NOT_AUTHORIZED
            | Self::ACCOUNT_SUSPENDED
            | Self::ADMIN_DISCONNECT => Retry::Never,
            Self::OVER_CONCURRENT_LIMIT => Retry::BackoffWithFloor(Self::OVER_CONCURRENT_LIMIT_FLOOR_MS),
            _ => Retry::Backoff,
        }
    }
}

/// The `code` of an `error` frame. An open set: codes that this version does not know pass through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub Cow<'static, str>);

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*
        }
    };
}

error_codes! {
    /// The frame was not a JSON object with a string `type`, or a field had the wrong type.
    MALFORMED_MESSAGE = "malformed_message";
    /// The frame's `type` is unknown.
    UNKNOWN_TYPE = "unknown_type";
    /// The channel name breaks the rules for names.
    INVALID_CHANNEL = "invalid_channel";
    /// The peer id breaks the rules for names.
    INVALID_PEER_ID = "invalid_peer_id";
    /// The credential gives no access to the channel.
    CHANNEL_NOT_AUTHORIZED = "channel_not_authorized";
    /// The channel name begins with a reserved prefix.
    CHANNEL_RESERVED = "channel_reserved";
    /// The connection is subscribed to as many channels as it may be.
    CHANNEL_LIMIT_EXCEEDED = "channel_limit_exceeded";
    /// The addressed peer has no connection.
    PEER_NOT_FOUND = "peer_not_found";
    /// The frame has no `data`.
    MISSING_DATA = "missing_data";
    /// The credential does not allow this action.
    ACTION_NOT_PERMITTED = "action_not_permitted";
    /// The account's message quota is used up.
    OVER_MESSAGE_QUOTA = "over_message_quota";
    /// The server could not reach a part of itself.
    BACKEND_ERROR = "backend_error";
    /// The server failed.
    INTERNAL_ERROR = "internal_error";
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_close_code_has_the_policy_of_the_protocol() {
        for code in [1000, 1001, 1006, 1008, 1009, 4000, 4002, 4011, 1011, 4999] {
            assert_eq!(CloseCode(code).retry(), Retry::Backoff, "{code}");
        }
        for code in [4001, 4003, 4012, 4020] {
            assert_eq!(CloseCode(code).retry(), Retry::Never, "{code}");
        }
        assert_eq!(CloseCode(4010).retry(), Retry::BackoffWithFloor(30_000));
    }
}
