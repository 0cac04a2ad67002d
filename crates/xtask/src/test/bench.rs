//! What the parts of a test run share: the built package, one server, one browser.

use std::cell::{OnceCell, RefCell};

use anyhow::{Result, anyhow};

use crate::browser::{self, Browser};
use crate::server::Server;
use crate::{node, package};

/// Made on demand, and once: the parts run one after the other.
#[derive(Default)]
pub struct Bench {
    packages: OnceCell<Result<(), String>>,
    package: OnceCell<Result<(), String>>,
    browser: OnceCell<Result<Browser, String>>,
    server: RefCell<Option<Server>>,
}

impl Bench {
    /// Node and the npm packages of the lock file.
    pub fn node(&self) -> Result<()> {
        remember(&self.packages, node::ensure)
    }

    /// The npm package, built and installed.
    pub fn package(&self) -> Result<()> {
        remember(&self.package, package::build)
    }

    pub fn browser(&self) -> Result<&Browser> {
        self.browser
            .get_or_init(|| browser::find().map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(|error| anyhow!("{error}"))
    }

    /// Lets `act` use the running server, which is started when it is first asked for.
    pub fn with_server<T>(&self, act: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
        let mut slot = self.server.borrow_mut();
        let server = match slot.take() {
            Some(server) => server,
            None => Server::start(0)?,
        };
        act(slot.insert(server))
    }
}

fn remember(cell: &OnceCell<Result<(), String>>, make: impl FnOnce() -> Result<()>) -> Result<()> {
    cell.get_or_init(|| make().map_err(|error| format!("{error:#}"))).clone().map_err(|error| anyhow!(error))
}
