//! What is served beside the protocol.

use std::net::SocketAddr;

use metered_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::directory::Directory;
use crate::harness::{Server, soon};

/// A response's head, in lower case, and its body.
async fn fetch(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    soon(stream.read_to_string(&mut response)).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn health_is_ok() {
    let server = Server::dev().await;
    let (head, body) = fetch(server.address, "/healthz").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "ok");
}

#[tokio::test]
async fn the_demo_and_the_package_are_served_with_types_that_browsers_run() {
    let www = Directory::with(&[("index.html", "<h1>demo</h1>"), ("app.mjs", "1")]);
    let package = Directory::with(&[("index.js", "2"), ("index.cjs", "3"), ("core.wasm", "4")]);
    let config = Config { www: Some(www.0.clone()), package: Some(package.0.clone()), ..Config::dev() };
    let server = Server::start(config).await;
    for (path, kind, body) in [
        ("/", "text/html", "<h1>demo</h1>"),
        ("/app.mjs", "text/javascript", "1"),
        ("/pkg/index.js", "text/javascript", "2"),
        ("/pkg/index.cjs", "text/javascript", "3"),
        ("/pkg/core.wasm", "application/wasm", "4"),
    ] {
        let (head, got) = fetch(server.address, path).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains(&format!("content-type: {kind}")), "{path}: {head}");
        assert_eq!(head.contains("access-control-allow-origin: *"), path.starts_with("/pkg/"), "{head}");
        assert_eq!(got, body);
    }
    for path in ["/missing.js", "/pkg/missing.js", "/pkg/../Cargo.toml", "/..%2f..%2fetc/passwd"] {
        assert!(fetch(server.address, path).await.0.starts_with("http/1.1 404"), "{path}");
    }
    server.connect().await;
}

#[tokio::test]
async fn a_plain_request_to_the_endpoint_is_refused_in_http() {
    let server = Server::dev().await;
    assert!(fetch(server.address, "/v1?key=pk_live_dev").await.0.starts_with("http/1.1 4"));
}
