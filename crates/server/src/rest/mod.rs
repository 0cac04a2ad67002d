//! The REST API: what a backend asks of the server without opening a WebSocket.
//!
//! Five endpoints under `/v1`, all of them for the holders of a secret key ([`caller`]), all of them described by
//! `openapi.json`, which is served too. Each one reads its request, asks the [`ServerState`], and answers JSON; what
//! goes wrong is a [`Problem`], in one shape for all.

mod body;
mod caller;
mod channels;
mod peers;
mod problem;
mod tokens;
mod usage;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodRouter, any, delete, get, post};

pub(crate) use caller::{Callers, bearer};
use problem::Problem;

use crate::ServerState;
use crate::net::operations;

/// Longest request body, in bytes.
const MAX_BODY_BYTES: usize = 32 * 1024;

/// The description of all this for programs.
const OPENAPI: &str = include_str!("openapi.json");

/// A method, a path, and what serves it.
pub(crate) type Endpoint = (&'static str, &'static str, MethodRouter<ServerState>);

/// What needs a secret key, and the description of it.
fn endpoints() -> [Endpoint; 6] {
    let describe = get(([(CONTENT_TYPE, "application/json")], OPENAPI));
    [
        ("post", "/v1/tokens", post(tokens::mint)),
        ("get", "/v1/channels/{channel}/peers", get(channels::peers)),
        ("post", "/v1/channels/{channel}/publish", post(channels::publish)),
        ("delete", "/v1/peers/{peer}", delete(peers::kick)),
        ("get", "/v1/usage", get(usage::report)),
        ("get", "/v1/openapi.json", describe),
    ]
}

/// Everything that is described, and an answer to what else is asked for under `/v1`.
pub(crate) fn router() -> Router<ServerState> {
    let all = endpoints().into_iter().chain(operations());
    all.fold(Router::new(), |router, (_, path, serve)| router.route(path, serve))
        .method_not_allowed_fallback(async || Problem::METHOD_NOT_ALLOWED)
        .route("/v1/", any(nowhere))
        .route("/v1/{*nowhere}", any(nowhere))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

async fn nowhere() -> Problem {
    Problem::NOT_FOUND
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn the_document_describes_every_endpoint_and_no_other() {
        let document = document();
        let described = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        });
        let served =
            endpoints().into_iter().chain(operations()).map(|(method, path, _)| format!("{method} {path}"));
        assert_eq!(described.collect::<BTreeSet<_>>(), served.collect::<BTreeSet<_>>());
    }

    #[test]
    fn the_document_tells_which_endpoints_need_a_key() {
        for (method, path, _) in endpoints().into_iter().filter(|(_, path, _)| *path != "/v1/openapi.json") {
            let operation = &document()["paths"][path][method];
            assert!(operation.get("security").is_none(), "{path} needs one like most");
            assert!(operation["responses"].get("401").is_some(), "{path}");
        }
    }

    #[test]
    fn the_document_leads_to_what_it_refers_to() {
        let document = document();
        let mut looked_up = 0;
        let mut rest = vec![&document];
        while let Some(value) = rest.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                looked_up += 1;
            }
            rest.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            rest.extend(value.as_array().into_iter().flatten());
        }
        assert!(looked_up > 20);
    }
}
