//! `POST /v1/tokens`: a token for a peer, signed with the caller's key.

use axum::Json as Answer;
use axum::extract::State;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use metered_protocol::{PeerId, Secret};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::{Json, metadata};
use super::caller::Caller;
use super::problem::Problem;
use crate::auth::{AuthError, Credential};
use crate::{Action, ChannelPattern, ServerState};

/// How long a token lasts unless the request says, and at most, in seconds.
const DEFAULT_SECONDS: u64 = 3600;
const MAX_SECONDS: u64 = 86_400;

const MAX_CHANNELS: usize = 100;
const MAX_PERMISSIONS: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wish {
    peer_id: String,
    channels: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    // To JSON, 60.0 is as whole as 60.
    expires_in_sec: Option<f64>,
    metadata: Option<Box<RawValue>>,
    peer_metadata: Option<Box<RawValue>>,
}

/// The claims of a token. What the request left out is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    sub: String,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_metadata: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    token: String,
    expires_at: u64,
}

pub(super) async fn mint(
    State(state): State<ServerState>,
    caller: Caller,
    Json(wish): Json<Wish>,
) -> Result<Answer<Token>, Problem> {
    let peer_id = PeerId::parse(&wish.peer_id).map_err(|why| Problem::invalid(format!("peerId {why}")))?;
    let seconds = check(&wish, &state)?;
    let now = crate::net::now();
    let claims = Claims {
        iat: now.0 / 1000,
        exp: (now.0 / 1000).saturating_add(seconds),
        sub: wish.peer_id,
        channels: wish.channels,
        permissions: wish.permissions,
        metadata: wish.metadata,
        peer_metadata: wish.peer_metadata,
    };
    let header = Header { kid: Some(caller.key.id.clone()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(caller.key.secret.expose().as_bytes());
    let token = encode(&header, &claims, &secret).map_err(|error| {
        tracing::error!(key = caller.key.id, %error, "cannot sign");
        Problem::INTERNAL
    })?;
    // A token that this very server would turn away is none: it is looked at as it will be.
    let credential = Credential::Token(Secret::new(token.clone()));
    let (keys, limits) = (&caller.app.keys, &state.config().limits);
    match keys.authenticate(now, limits, Some(&credential), None, || peer_id) {
        // One that lasts a second lasts too short to be of use, which is what was asked for.
        Ok(_) | Err(AuthError::Expired) => Ok(Answer(Token { token, expires_at: claims.exp })),
        Err(error) => Err(Problem::invalid(error.reason())),
    }
}

/// Whether a token can be made of this, and for how many seconds.
fn check(wish: &Wish, state: &ServerState) -> Result<u64, Problem> {
    let seconds = match wish.expires_in_sec {
        None => DEFAULT_SECONDS,
        Some(seconds) if seconds.fract() == 0.0 && (1.0..=MAX_SECONDS as f64).contains(&seconds) => {
            seconds as u64
        }
        Some(_) => {
            return Err(Problem::invalid(format!(
                "expiresInSec must be a whole number from 1 to {MAX_SECONDS}"
            )));
        }
    };
    let channels = wish.channels.as_deref().unwrap_or_default();
    if channels.len() > MAX_CHANNELS || channels.iter().any(|name| ChannelPattern::parse(name).is_err()) {
        return Err(Problem::invalid(format!(
            "channels must be at most {MAX_CHANNELS} patterns of 1 to {} bytes",
            ChannelPattern::MAX_LENGTH
        )));
    }
    let permissions = wish.permissions.as_deref().unwrap_or_default();
    if permissions.len() > MAX_PERMISSIONS || permissions.iter().any(|name| Action::parse(name).is_none()) {
        return Err(Problem::invalid("permissions are subscribe, publish, presence, send"));
    }
    let limits = &state.config().limits;
    metadata("metadata", wish.metadata.as_deref(), limits.metadata_bytes)?;
    metadata("peerMetadata", wish.peer_metadata.as_deref(), limits.peer_metadata_bytes)?;
    Ok(seconds)
}
