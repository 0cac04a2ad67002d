//! Real faults with real parts: networks that break, a server that is tortured and killed, processes that stop, and
//! what is left after thousands of peers and channels.
//!
//! The programs are those of `tests/soak`. In a test run they do little of each; `cargo xtask soak` has them do all of
//! it, with the server as it is released, and write their figures to `target/soak/`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Bench, Tally, node};
use crate::browser::Kind;
use crate::process::{self, cargo, on_path, say};
use crate::programs::{COTURN, FAKETIME, IPROUTE, is_root};
use crate::workspace;

const DIRECTORY: &str = "tests/soak";

/// The longest that one file may take at length.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// A little of everything.
pub fn briefly(bench: &Bench) -> Result<Tally> {
    run(bench, node::LIMIT, |_| {})
}

/// All of it, or the `share` of its repetitions.
pub fn at_length(share: f64) -> Result<Tally> {
    say("building the server as it is released");
    process::run(&mut cargo(&["build", "--quiet", "--release", "--package", "metered-server"]))?;
    run(&Bench::default(), LIMIT, |node| {
        node.env("METERED_SERVER_BIN", workspace::release_binary("metered-server"))
            .env("METERED_SOAK", workspace::target().join("soak"))
            .env("METERED_SOAK_SHARE", share.to_string());
    })
}

fn run(bench: &Bench, limit: Duration, prepare: impl Fn(&mut Command)) -> Result<Tally> {
    bench.package()?;
    let browser = bench.browser()?;
    if browser.kind != Kind::Chrome {
        bail!("these tests drive Chrome or Chromium, and here is only Firefox");
    }
    let mut tally = Tally::default();
    let mut files = workspace::files_in(DIRECTORY, ".test.mjs");
    for (name, why) in [("network.test.mjs", no_network()?), ("clocks.test.mjs", FAKETIME.find()?.err())] {
        if let Some(why) = why {
            files.retain(|file| !file.ends_with(name));
            tally.leave_out(format_args!("{DIRECTORY}/{name}"), why);
        }
    }
    tally.add(bench.with_server(|server| {
        node::run_within(limit, &files, |node| {
            server.introduce(node);
            node.env("CHROME_PATH", &browser.program);
            prepare(node);
        })
    })?);
    Ok(tally)
}

/// Why there can be no network of our own here, if so.
fn no_network() -> Result<Option<&'static str>> {
    if !is_root() || !Path::new("/dev/net/tun").exists() {
        return Ok(Some("only root on a Linux with /dev/net/tun can make networks"));
    }
    if on_path("python3").is_none() || on_path("openssl").is_none() {
        return Ok(Some("it needs python3 and openssl"));
    }
    for program in [IPROUTE, COTURN] {
        if let Err(why) = program.find()? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}
