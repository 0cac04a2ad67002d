//! The program: what it prints, how it ends.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

fn server(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metered-server"));
    command.args(arguments).env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = server(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Starts a server and answers it with the line it printed.
fn start(arguments: &[&str]) -> (Child, String) {
    let mut child = server(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

fn address(line: &str) -> &str {
    line.split_once("http://").unwrap().1.split_whitespace().next().unwrap()
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_ends_well_when_asked_to() {
    for (arguments, name) in
        [(["--dev", "--port", "0"], "-TERM"), (["--dev", "--port=0", "--unlimited"], "-INT")]
    {
        let (mut child, line) = start(&arguments);
        assert!(line.starts_with("metered-server listening on http://127.0.0.1:"), "{line}");
        assert!(line.contains(&format!("ws://{}", address(&line))) && line.contains("pk_live_dev"), "{line}");
        TcpStream::connect(address(&line)).unwrap();
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        child.stdout.unwrap().read_to_string(&mut rest).unwrap();
        child.stderr.unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "one line is all it prints");
    }
}

#[cfg(unix)]
#[test]
fn it_can_take_its_port_again_even_after_it_was_killed() {
    let (mut first, line) = start(&["--dev", "--port", "0"]);
    let address = address(&line);
    let _connected = TcpStream::connect(address).unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let port = address.rsplit_once(':').unwrap().1;
    let (mut second, line) = start(&["--dev", "--port", port]);
    assert!(line.contains(address), "{line}");
    second.kill().unwrap();
    second.wait().unwrap();
}

/// Writing to `/dev/full` fails as on a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn it_serves_on_when_its_log_cannot_be_written() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = server(&["--dev", "--port", "0"]).env("RUST_LOG", "trace").stderr(full).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let answers = || {
        let mut socket = TcpStream::connect(address(&line)).unwrap();
        write!(socket, "GET /v1?key=wrong HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        answer
    };
    for _ in 0..3 {
        assert_eq!(&answers(), b"HTTP/1.1 101");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn without_a_file_it_says_what_it_needs() {
    let (code, stdout, stderr) = run(&[]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("--dev") && stderr.contains("configuration file"), "{stderr}");
}

#[test]
fn development_stays_on_this_machine() {
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let (code, _, stderr) = run(&["--dev", "--host", host]);
        assert_eq!(code, Some(2));
        assert!(stderr.contains("loopback") && stderr.contains(host), "{stderr}");
    }
    let (code, _, stderr) = run(&["--dev", "--host", "example.com"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("IP address"), "{stderr}");
}

#[test]
fn a_port_in_use_is_one_clear_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, stderr) = run(&["--dev", "--port", &port]);
    assert_eq!(code, Some(1));
    assert_eq!(stderr.lines().count(), 1);
    assert!(stderr.contains(&format!("port {port} is in use")), "{stderr}");
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    let (code, _, stderr) = run(&["--dev", "--port", "0", "--www", "/no/such/place"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("/no/such/place"), "{stderr}");
}

/// A configuration file that is gone after the test.
struct File(std::path::PathBuf);

impl File {
    fn with(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("metered-server-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const APP: &str = "[[apps]]\nid = \"chat\"\n[[apps.publishable_keys]]\nkey = \"pk_live_x\"\n";

#[test]
fn check_says_ok_of_a_file_that_is() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/metered-server.example.toml");
    assert_eq!(run(&["check", example]), (Some(0), "OK\n".to_owned(), String::new()));
}

#[test]
fn check_tells_every_mistake_on_a_line_that_an_editor_can_follow() {
    let file = File::with(&format!("port = \"http\"\nprot = 1\n{APP}"));
    let (code, stdout, stderr) = run(&["check", file.path()]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let lines: Vec<_> = stderr.lines().collect();
    let at = |line: &str, rest: &str| line.starts_with(&format!("{}:{rest}", file.path()));
    assert!(at(lines[0], "1:8: port: this is a string: expected a whole number from 0 to 65535"), "{stderr}");
    assert!(at(lines[1], "2:1: prot: unknown key: expected one of "), "{stderr}");
    assert_eq!(lines.len(), 2);
    assert_eq!(
        run(&[file.path()]),
        (code, stdout, stderr),
        "a server with it does not start, for the same reasons"
    );
}

#[test]
fn check_tells_of_a_file_that_cannot_be_read() {
    let (code, _, stderr) = run(&["check", "/no/such/file.toml"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot read /no/such/file.toml"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_variable_overrides_the_file_and_a_flag_both() {
    let file = File::with(&format!("host = \"192.0.2.1\"\nport = 1\n{APP}"));
    let mut child = server(&["--config", file.path(), "--port", "0"])
        .env("METERED_SERVER__HOST", "127.0.0.1")
        .env("METERED_SERVER__PORT", "2")
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("metered-server listening on http://127.0.0.1:"), "{line}");
    assert!(line.contains("apps: chat") && !line.contains("pk_live"), "{line}");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_variable_that_is_wrong_is_told_with_its_name() {
    let file = File::with(APP);
    let output = server(&["check", file.path()]).env("METERED_SERVER__PORT", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("environment: METERED_SERVER__PORT: port: \"x\": expected"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_server_whose_nats_cannot_be_reached_starts_and_serves_on_its_own() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let nats = format!("nats://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let file = File::with(&format!("{APP}[cluster]\nnats = \"nats://example.invalid:1\"\n"));
    for arguments in
        [&[file.path(), "--port", "0", "--nats", &nats][..], &["--dev", "--port", "0", "--nats", &nats]]
    {
        let (mut child, line) = start(arguments);
        let mut stream = TcpStream::connect(address(&line)).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\r\n\r\ndegraded"), "{answer}");
        signal(&child, "-TERM");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let (code, _, stderr) = run(&["--dev", "--nats", "127.0.0.1:4222"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("nats://127.0.0.1:4222"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn logs_can_be_json_and_hold_no_credential() {
    let text = format!("{APP}[log]\nlevel = \"trace\"\nformat = \"json\"\n");
    let file = File::with(&text);
    let (mut child, line) = start(&[file.path(), "--port", "0"]);
    let mut stream = TcpStream::connect(address(&line)).unwrap();
    let request = "GET /v1?key=pk_live_x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    drop(stream);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut logged = String::new();
    child.stderr.unwrap().read_to_string(&mut logged).unwrap();
    assert!(!logged.is_empty() && logged.lines().all(|line| line.starts_with('{')), "{logged}");
    assert!(!logged.contains("pk_live_x"), "{logged}");
}

/// What is started by the unit and in the container: the words after the program's name.
fn deployed_commands() -> Vec<Vec<&'static str>> {
    let unit = include_str!("../deploy/metered-server.service").lines();
    let unit = unit.filter_map(|line| line.strip_prefix("ExecStart")?.split_once('='));
    let mut commands: Vec<Vec<_>> =
        unit.map(|(_, command)| command.split_whitespace().skip(1).collect()).collect();
    let cmd = include_str!("../deploy/Dockerfile").lines().find_map(|line| line.strip_prefix("CMD "));
    let words = cmd.unwrap().trim_matches(['[', ']']).split(", ").map(|word| word.trim_matches('"'));
    commands.push(words.collect());
    commands
}

#[test]
fn what_is_deployed_is_started_with_arguments_that_it_takes() {
    let commands = deployed_commands();
    assert_eq!(commands.len(), 3);
    for command in commands {
        // A file that is not there is told as such, by its name, and nothing else is wrong.
        let (code, _, stderr) = run(&command);
        assert_ne!(code, Some(0));
        let file = command.last().unwrap();
        assert!(stderr.contains(file) && !stderr.contains("Usage"), "{command:?}: {stderr}");
    }
}

/// Starts a server, ends it, and answers the line it printed and what it said besides.
#[cfg(unix)]
fn start_and_end(arguments: &[&str]) -> (String, String) {
    let (mut child, line) = start(arguments);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut stderr = String::new();
    child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
    (line, stderr)
}

#[cfg(unix)]
#[test]
fn a_server_that_clients_could_not_use_from_elsewhere_says_so() {
    let open = File::with(&format!("host = \"0.0.0.0\"\nport = 0\n{APP}"));
    let (_, stderr) = start_and_end(&[open.path()]);
    assert!(stderr.contains("neither [tls] nor trusted_proxies is set"), "{stderr}");
    for text in [
        format!("port = 0\n{APP}"),
        format!("host = \"0.0.0.0\"\nport = 0\ntrusted_proxies = [\"::1\"]\n{APP}"),
    ] {
        assert_eq!(start_and_end(&[File::with(&text).path()]).1, "", "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_server_with_a_certificate_says_that_it_is_to_be_reached_by_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let (cert, key) = (File::with(&made.cert.pem()), File::with(&made.signing_key.serialize_pem()));
    let text = format!("port = 0\n{APP}[tls]\ncert = {:?}\nkey = {:?}\n", cert.path(), key.path());
    let (line, stderr) = start_and_end(&[File::with(&text).path()]);
    assert!(line.contains("on https://127.0.0.1:") && line.contains("wss://127.0.0.1:"), "{line}");
    assert_eq!(stderr, "");
}

/// Whether the server at an address has this certificate, as a client finds out.
#[cfg(unix)]
fn has_certificate(address: &str, certificate: &rustls::pki_types::CertificateDer<'static>) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tls = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    while tls.is_handshaking() {
        if tls.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}

#[cfg(unix)]
#[test]
fn a_hangup_has_the_certificate_read_again_and_a_broken_file_changes_nothing() {
    let [old, new] =
        std::array::from_fn(|_| rcgen::generate_simple_self_signed(["localhost".into()]).unwrap());
    let (cert, key) = (File::with(&old.cert.pem()), File::with(&old.signing_key.serialize_pem()));
    let text = format!(
        "port = 0\n{APP}[tls]\ncert = {:?}\nkey = {:?}\n[log]\nlevel = \"info\"\n",
        cert.path(),
        key.path()
    );
    let (mut child, line) = start(&[File::with(&text).path()]);
    let address = line.split_once("https://").unwrap().1.split_whitespace().next().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut hang_up = |expected: &str| {
        signal(&child, "-HUP");
        assert!(log.any(|line| line.contains(expected)), "{expected}");
    };
    assert!(has_certificate(address, old.cert.der()));

    std::fs::write(cert.path(), new.cert.pem()).unwrap();
    std::fs::write(key.path(), new.signing_key.serialize_pem()).unwrap();
    hang_up("the certificate is read again");
    assert!(has_certificate(address, new.cert.der()) && !has_certificate(address, old.cert.der()));

    std::fs::write(cert.path(), "broken").unwrap();
    hang_up("the certificate stays as it was");
    assert!(has_certificate(address, new.cert.der()));
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_hangup_ends_no_server_that_has_no_certificate() {
    let file = File::with(&format!("port = 0\n{APP}[log]\nlevel = \"info\"\n"));
    let (mut child, line) = start(&[file.path()]);
    signal(&child, "-HUP");
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("there is no certificate to read again")));
    TcpStream::connect(address(&line)).unwrap();
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
