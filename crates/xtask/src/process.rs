//! Running other programs: aloud, quietly, or aloud while keeping what they print.
//!
//! A program that is not installed becomes one sentence that says how to get it; one that fails becomes
//! one sentence that names it. What it printed itself is on the screen already.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::workspace;

/// Says on stderr what happens next, in one short line. Stdout stays for results.
pub fn say(what: impl std::fmt::Display) {
    eprintln!("xtask: {what}");
}

/// A command that runs in the repository's root.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(workspace::root());
    command
}

/// A cargo command. It sees none of the variables that `cargo run` set for xtask itself, so that its
/// builds are the same as those of a cargo command typed by hand.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_os_str());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.args(arguments);
    command
}

/// Runs `command` with the terminal as its own; fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if !status.success() {
        bail!("{} failed ({status})", describe(command));
    }
    Ok(())
}

/// Runs `command` silently and returns its stdout; when it fails, its stderr is in the error.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", describe(command), output.status, stderr.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a program said and how it ended.
pub struct Finished {
    pub status: ExitStatus,
    /// Stdout and stderr, lines in the order in which they came.
    pub text: String,
    /// It did not end by itself within its time limit and was killed.
    pub out_of_time: bool,
}

impl Finished {
    pub fn success(&self) -> bool {
        self.status.success() && !self.out_of_time
    }

    /// The signal that ended the program, if one did that we did not send.
    #[cfg(unix)]
    pub fn signal(&self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        if self.out_of_time { None } else { self.status.signal() }
    }

    #[cfg(not(unix))]
    pub fn signal(&self) -> Option<i32> {
        None
    }
}

/// Runs `command`, shows what it prints as it comes and returns it too. After `limit` it is killed.
pub fn tee(command: &mut Command, limit: Duration) -> Result<Finished> {
    watch(command, limit, true)
}

/// Runs `command` silently and returns what it printed and how it ended. After `limit` it is killed.
pub fn listen(command: &mut Command, limit: Duration) -> Result<Finished> {
    watch(command, limit, false)
}

fn watch(command: &mut Command, limit: Duration, aloud: bool) -> Result<Finished> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(command, &error))?;

    let (lines, heard) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, std::io::stdout, lines.clone(), aloud);
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, std::io::stderr, lines, aloud);
    }

    let deadline = Instant::now() + limit;
    let mut out_of_time = false;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for a process")? {
            break status;
        }
        if !out_of_time && Instant::now() >= deadline {
            out_of_time = true;
            child.kill().context("cannot stop a process")?;
        }
        std::thread::sleep(Duration::from_millis(20));
    };

    // A grandchild that outlives the program can hold the pipes open: wait for the rest of the output,
    // not for the last writer.
    let mut text = String::new();
    let patience = Instant::now() + Duration::from_secs(2);
    while let Ok(line) = heard.recv_timeout(patience.saturating_duration_since(Instant::now())) {
        text.push_str(&line);
    }
    Ok(Finished { status, text, out_of_time })
}

fn forward<W: Write + 'static>(
    from: impl Read + Send + 'static,
    to: fn() -> W,
    heard: Sender<String>,
    aloud: bool,
) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if aloud {
                let mut to = to();
                // A closed terminal is no reason to stop listening to the program.
                let _ = to.write_all(&line).and_then(|()| to.flush());
            }
            let _ = heard.send(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    });
}

/// The program and its arguments, as one would type them.
pub fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let arguments = command.get_args().take(12).map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy().into_owned();
    if error.kind() != std::io::ErrorKind::NotFound {
        return anyhow!("cannot start {program}: {error}");
    }
    match program.as_str() {
        "node" | "npm" | "npm.cmd" => anyhow!("{}", crate::node::MISSING),
        "rustup" => anyhow!("rustup is not installed: get it from https://rustup.rs"),
        _ => anyhow!("{program} is not there"),
    }
}

/// The full path of `program` when it is on PATH.
pub fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).map(|dir| dir.join(&file)).find(|candidate| candidate.is_file())
}
