//! The program: what it prints, how it ends.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

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

#[test]
fn without_dev_it_says_that_only_dev_exists() {
    let (code, stdout, stderr) = run(&[]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("--dev"), "{stderr}");
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
