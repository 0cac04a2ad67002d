//! The browser for the headless tests: found, or on Debian as root installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::on_path;
use crate::programs::{can_install, from_env, install};

/// A browser with the WebDriver server that drives it.
pub struct Browser {
    pub kind: Kind,
    pub program: PathBuf,
    pub driver: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Chrome,
    Firefox,
}

const CHROMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC_CHROME: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// The browser to test with: Chrome or Chromium, or else Firefox.
pub fn find() -> Result<Browser> {
    if let Some(browser) = chrome() {
        return Ok(browser);
    }
    if can_install() {
        install(&["chromium", "chromium-driver"])?;
        if let Some(browser) = chrome() {
            return Ok(browser);
        }
    }
    if let Some(browser) = firefox() {
        return Ok(browser);
    }
    bail!(
        "the browser tests need Chromium or Chrome with chromedriver (Debian: `sudo apt-get install \
         chromium chromium-driver`), or Firefox with geckodriver (`cargo install geckodriver`)"
    )
}

/// `CHROME_PATH` and `CHROMEDRIVER` come before what PATH holds.
fn chrome() -> Option<Browser> {
    let program = from_env("CHROME_PATH")
        .or_else(|| CHROMES.iter().find_map(|name| on_path(name)))
        .or_else(|| Some(PathBuf::from(MAC_CHROME)).filter(|path| path.is_file()))?;
    let driver = from_env("CHROMEDRIVER").or_else(|| on_path("chromedriver"))?;
    Some(Browser { kind: Kind::Chrome, program, driver })
}

fn firefox() -> Option<Browser> {
    let program = ["firefox", "firefox-esr"].iter().find_map(|name| on_path(name))?;
    let driver = from_env("GECKODRIVER").or_else(|| on_path("geckodriver"))?;
    Some(Browser { kind: Kind::Firefox, program, driver })
}

impl Browser {
    /// Tells wasm-bindgen's test runner to use this browser's driver. It takes the first driver that it
    /// knows of, so the other one's variables must be gone.
    pub fn drive(&self, command: &mut Command) {
        let drivers = [(Kind::Chrome, "CHROMEDRIVER"), (Kind::Firefox, "GECKODRIVER")];
        for (kind, variable) in drivers {
            if kind == self.kind {
                command.env(variable, &self.driver);
            } else {
                command.env_remove(variable);
            }
        }
    }
}
