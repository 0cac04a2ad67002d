//! The demo and the package, served beside the protocol.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::Response;
use axum::routing::get;
use tower_http::services::ServeDir;

use crate::Config;

/// The routes for the directories that the configuration names.
pub(super) fn router<S: Clone + Send + Sync + 'static>(config: &Config) -> Router<S> {
    let mut router = Router::new();
    if let Some(package) = &config.package {
        router = router.nest_service("/pkg", directory(package).layer(map_response(allow_every_origin)));
    }
    match &config.www {
        Some(www) => router.fallback_service(directory(www)),
        None => router.route("/", get("metered-server: connect a WebSocket to /v1\n")),
    }
}

fn directory(path: &Path) -> Router {
    Router::new().fallback_service(ServeDir::new(path)).layer(from_fn(describe))
}

/// Says what scripts are, whatever their extension: browsers run no module of another type. And has everything
/// asked for again, because it changes while one develops.
async fn describe(request: Request, next: Next) -> Response {
    let extension = request.uri().path().rsplit_once('.').map(|(_, extension)| extension);
    let script = matches!(extension, Some("js" | "mjs" | "cjs"));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if script && headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn allow_every_origin(mut response: Response) -> Response {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
