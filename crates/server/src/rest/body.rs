//! What comes in a request: names in its path, JSON in its body.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use metered_protocol::{Channel, PeerId, RawJson};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::limits::exceeds;

/// A JSON object, whatever its content type says: there is nothing else that it could be.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::BODY_TOO_LARGE,
                _ => Problem::invalid("the body did not arrive"),
            }
        })?;
        // The derived readers would take an array for the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::invalid("the body must be a JSON object"));
        }
        serde_json::from_slice(&bytes).map(Json).map_err(|error| {
            // The library's words quote what was sent, which may be long.
            let words: String = error.to_string().chars().take(200).collect();
            Problem::invalid(format!("the body is not what it must be: {words}"))
        })
    }
}

/// A field that is there, `null` included.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// A channel's name in a path, decoded.
pub(super) fn channel(name: Result<Path<String>, PathRejection>) -> Result<Channel, Problem> {
    let Path(name) = name.map_err(|_| Problem::invalid("the channel's name is not UTF-8"))?;
    Channel::parse(&name).map_err(|why| Problem::invalid(format!("the channel's name {why}")))
}

/// A peer's id in a path, decoded.
pub(super) fn peer(id: Result<Path<String>, PathRejection>) -> Result<PeerId, Problem> {
    let Path(id) = id.map_err(|_| Problem::invalid("the peer id is not UTF-8"))?;
    PeerId::parse(&id).map_err(|why| Problem::invalid(format!("the peer id {why}")))
}

/// Metadata, which are an object of bounded size.
pub(super) fn metadata(
    name: &'static str,
    given: Option<&RawValue>,
    max: usize,
) -> Result<Option<RawJson>, Problem> {
    match given {
        Some(raw) if !raw.get().starts_with('{') => {
            Err(Problem::invalid(format!("{name} must be an object")))
        }
        Some(raw) if exceeds(max, raw.get().len()) => {
            Err(Problem::invalid(format!("{name} may have {max} bytes")))
        }
        given => Ok(given.map(RawJson::from)),
    }
}
