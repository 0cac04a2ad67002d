//! Plain HTTP.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::soon;

/// The well-known secret key of development.
pub(crate) const KEY: &str = "Bearer sk_id_dev:sk_secret_dev";

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Status line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// The status and the code of a problem, which has the one shape that they all have.
    pub(crate) fn problem(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
        (self.status, body["error"].as_str().unwrap().to_owned())
    }
}

/// A request with the headers and body that are given.
pub(crate) async fn request(
    address: SocketAddr,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let mut request = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses a body need not read it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut response = Vec::new();
    let _ = soon(stream.read_to_end(&mut response)).await;
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A request with the well-known secret key.
pub(crate) async fn call(address: SocketAddr, line: &str, body: &str) -> Response {
    request(address, line, &[("authorization", KEY)], body).await
}
