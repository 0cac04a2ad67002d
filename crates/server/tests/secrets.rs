//! Credentials are shown to nobody but those they are for: they are planted, all that can go wrong does, and what the
//! server has said about it is searched.

#![cfg(test)]
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const KEY: &str = "pk_live_planted0key";
const SECRET: &str = "planted0secret0that0signs";
const TURN_SECRET: &str = "planted0secret0of0turn";
const METADATA: &str = "planted0metadata";
const PASSWORD: &str = "planted0ice0password";
const MESSAGE: &str = "planted0message";
const WRONG: &str = "planted0and0wrong";

/// The program with a file that has every kind of credential, and a log of everything.
struct Server {
    child: Child,
    address: String,
    file: std::path::PathBuf,
}

impl Server {
    fn start(format: &str) -> Self {
        let file = std::env::temp_dir().join(format!("metered-secrets-{}.toml", uuid::Uuid::new_v4()));
        let text = format!(
            "port = 0\n[[apps]]\nid = \"chat\"\n[[apps.publishable_keys]]\nkey = \"{KEY}\"\n[[apps.secret_keys]]\n\
             id = \"sk_id\"\nsecret = \"{SECRET}\"\n[turn]\nurls = [\"turn:turn.example\"]\nsecret = \"{TURN_SECRET}\"\n\
             [log]\nformat = \"{format}\"\nlevel = \"trace\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_metered-server"));
        // A pipe would be full before anybody reads it.
        let log = std::fs::File::create(file.with_extension("log")).unwrap();
        command.arg(&file).env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").unwrap().1.split_whitespace().next().unwrap().to_owned();
        Self { child, address, file }
    }

    /// Opens a socket. What the server says first, or why it closes.
    fn open(&self, query: &str) -> (WebSocket<TcpStream>, String) {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (mut socket, _) =
            tungstenite::client(format!("ws://{}/v1?{query}", self.address), stream).unwrap();
        let first = socket.read().unwrap();
        (socket, first.to_string())
    }

    /// Sends a request and answers the whole response.
    fn ask(&self, method: &str, path: &str, authorization: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Ends the server and answers its log.
    fn end(mut self) -> String {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap();
        std::fs::read_to_string(self.file.with_extension("log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(self.file.with_extension("log"));
    }
}

fn token(secret: &str, exp: u64) -> String {
    let claims = json!({"sub": "alice", "exp": exp, "metadata": {"credential": METADATA}});
    let header = Header { kid: Some("sk_id".to_owned()), ..Header::default() };
    encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// Everything that a client and a backend can do right and wrong. Answers what is said to those who are refused, and
/// the credentials that the server has given out.
fn everything_happens(server: &Server) -> (String, Vec<String>) {
    const NEVER: u64 = 4_000_000_000;
    let (good, expired, forged) = (token(SECRET, NEVER), token(SECRET, 1), token(WRONG, NEVER));
    let (mut socket, welcome) = server.open(&format!("token={good}"));
    let welcome: Value = serde_json::from_str(&welcome).unwrap();
    let resume = welcome["resume"]["token"].as_str().unwrap().to_owned();
    let credential = welcome["metadata"]["iceServers"][0]["credential"].as_str().unwrap().to_owned();
    let mut refusals = String::new();

    let sdp = format!("v=0\r\na=ice-ufrag:u\r\na=ice-pwd:{PASSWORD}\r\n");
    for frame in [
        json!({"type": "subscribe", "channel": "room", "requestId": "1"}),
        json!({"type": "publish", "channel": "room", "data": MESSAGE, "requestId": "2"}),
        json!({"type": "send", "to": "alice", "data": {"type": "rtc-description", "description": {"type": "offer", "sdp": sdp}}}),
        json!({"type": "subscribe", "channel": "_system/x", "requestId": "3", "token": good}),
        json!({"type": MESSAGE, "data": MESSAGE}),
    ] {
        socket.send(Message::text(frame.to_string())).unwrap();
    }
    socket.send(Message::text(format!("{{not JSON {MESSAGE}"))).unwrap();
    socket.send(Message::text(json!({"type": "ping", "requestId": "last"}).to_string())).unwrap();
    loop {
        let frame = socket.read().unwrap().to_string();
        if frame.contains("\"error\"") {
            refusals += &frame;
        }
        if frame.contains("pong") {
            break;
        }
    }
    // The socket breaks, and its session is taken up again, by its owner and by somebody else.
    drop(socket);
    let again = server.open(&format!("token={good}&resume={resume}&seen=0")).1;
    assert!(again.contains("\"resumed\":true"), "{again}");
    drop(server.open(&format!("key={KEY}&resume={resume}")));

    for query in [
        format!("token={expired}"),
        format!("token={forged}"),
        format!("token={WRONG}.{WRONG}.{WRONG}"),
        format!("key={WRONG}"),
        format!("key={SECRET}"),
        format!("resume={resume}"),
    ] {
        let (_, said) = server.open(&query);
        assert!(!said.contains("welcome"), "{said}");
        refusals += &said;
    }

    let right = format!("Bearer sk_id:{SECRET}");
    for authorization in [
        right.as_str(),
        &format!("Bearer sk_id:{WRONG}"),
        &format!("Bearer {KEY}"),
        &format!("Basic {WRONG}"),
    ] {
        for (method, path, body) in [
            ("GET", "/v1/usage", ""),
            ("POST", "/v1/tokens", r#"{"peerId": 5}"#),
            ("POST", "/v1/tokens", "{not JSON"),
            ("GET", "/v1/nowhere", ""),
            ("DELETE", "/v1/peers/alice", ""),
            ("GET", "/metrics", ""),
            ("GET", "/v1/openapi.json", ""),
        ] {
            refusals += &server.ask(method, path, authorization, body);
        }
    }
    let minted = server.ask("POST", "/v1/tokens", &right, r#"{"peerId": "bob", "expiresInSec": 60}"#);
    let minted: Value = serde_json::from_str(minted.rsplit_once("\r\n\r\n").unwrap().1).unwrap();
    let minted = minted["token"].as_str().unwrap().to_owned();
    refusals += &server.ask("POST", &format!("/v1?token={minted}&key={KEY}"), "", "");
    (refusals, vec![good, expired, forged, resume, credential, minted])
}

fn search(said: &str, where_: &str, given: &[String]) {
    // Of a token the signature is what nobody must see.
    let parts = given.iter().map(|text| text.rsplit('.').next().unwrap_or(text));
    let plants = [KEY, SECRET, TURN_SECRET, METADATA, PASSWORD, MESSAGE, WRONG];
    for plant in plants.into_iter().chain(parts) {
        let line = said.lines().find(|line| line.contains(plant));
        assert_eq!(line, None, "{where_} shows {plant}");
    }
}

fn nothing_is_shown(format: &str) {
    let server = Server::start(format);
    let (refusals, given) = everything_happens(&server);
    search(&refusals, "an answer", &given);
    let log = server.end();
    assert!(log.lines().count() > 10, "there is a log: {log}");
    search(&log, "the log", &given);
}

#[test]
fn no_credential_and_no_message_is_in_the_log_or_in_an_error() {
    nothing_is_shown("text");
}

#[test]
fn nor_in_a_log_of_json() {
    nothing_is_shown("json");
}

#[test]
fn a_file_with_mistakes_is_told_about_without_its_secrets() {
    let file = std::env::temp_dir().join(format!("metered-secrets-{}.toml", uuid::Uuid::new_v4()));
    let text = format!(
        "[[apps]]\nid = \"chat\"\n[[apps.secret_keys]]\nid = 7\nsecret = \"{SECRET}\"\nsecret_env = \"X\"\n\
         [[apps.secret_keys]]\nid = \"b\"\nsecret = [\"{SECRET}\"]\n[[apps.publishable_keys]]\nkey = \"{KEY}\"\norigins = 1\n\
         [turn]\nsecret = {{ planted = \"{TURN_SECRET}\" }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_metered-server")).arg("check").arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.lines().count() >= 5, "{said}");
    search(&said, "a mistake", &[]);
}
