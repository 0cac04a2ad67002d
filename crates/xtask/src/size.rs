//! `cargo xtask size`: what the package weighs on the wire, and the budget that it must keep.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::budget::{self, Verdict};
use crate::process::{self, command};
use crate::standard_library::Std;
use crate::{bindings, bundle, contents, package, workspace};

/// Node has both compressors built in.
const MEASURE: &str = "
    const { readFileSync } = require('node:fs');
    const { brotliCompressSync, gzipSync } = require('node:zlib');
    console.log(JSON.stringify(process.argv.slice(1).map((file) => {
        const bytes = readFileSync(file);
        return [bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length];
    })));";

/// The package's sizes in bytes: plain, gzip, brotli.
pub struct Report {
    std: Std,
    wasm: [u64; 3],
    glue: [u64; 3],
    entry: [u64; 3],
    slim: [u64; 3],
}

#[derive(clap::Args)]
pub struct Options {
    /// Also list what the code consists of, by module and by its N largest functions
    #[arg(long, value_name = "N")]
    functions: Option<usize>,

    /// Make what the package weighs now its budget, in `bench/budget.json`
    #[arg(long)]
    update: bool,

    #[command(flatten)]
    package: package::Options,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    package::build_with(options.package.std)?;
    let report = Report::measure()?;
    if options.update {
        budget::update(report.std, report.weight())?;
    }
    report.print()?;
    if let Some(rows) = options.functions {
        contents::print(&bindings::with_names()?, rows)?;
    }
    Ok(if report.verdict()?.is_over() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Report {
    pub fn measure() -> Result<Self> {
        let entries = ["pkg/index.js", "pkg/slim.js"].map(workspace::at);
        let files: Vec<_> =
            [bindings::wasm(), bundle::javascript_alone()?].into_iter().chain(entries).collect();
        let sizes = process::read(command("node").args(["--eval", MEASURE, "--"]).args(&files))?;
        let sizes: Vec<[u64; 3]> = serde_json::from_str::<Value>(&sizes)
            .and_then(serde_json::from_value)
            .context("cannot read the measured sizes")?;
        let [wasm, glue, entry, slim] = sizes.try_into().ok().context("four files, four sizes")?;
        Ok(Self { std: bindings::library()?, wasm, glue, entry, slim })
    }

    /// The default entry under brotli: what one file brings to a page that loads nothing else.
    pub fn weight(&self) -> u64 {
        self.entry[2]
    }

    pub fn verdict(&self) -> Result<Verdict> {
        budget::judge(self.std, self.weight())
    }

    pub fn print(&self) -> Result<()> {
        println!("{:34}{:>10}{:>10}{:>10}", "bytes", "raw", "gzip", "brotli");
        let both = [0, 1, 2].map(|column| self.wasm[column] + self.slim[column]);
        let rows = [
            ("metered_realtime.wasm", self.wasm),
            ("JavaScript without the wasm", self.glue),
            ("index.js, wasm inlined", self.entry),
            ("slim.js", self.slim),
            ("slim.js and the wasm", both),
        ];
        for (name, [raw, gzip, brotli]) in rows {
            println!("{name:34}{raw:>10}{gzip:>10}{brotli:>10}");
        }
        println!("The wasm has {} inside.", self.std.description());
        println!("index.js is {}", self.verdict()?);
        Ok(())
    }
}
