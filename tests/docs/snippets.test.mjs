// What the documents show does what they say: JavaScript compiles against the package's declarations, programs that are
// marked `run` print what the `text` block behind them has, configurations pass the server's check, commands exist.
//
// A `js` block is a module of its own; what it does not declare is in ambient.d.ts.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { blocksOf, documents, proseOf, quoted, root } from "../support/markdown.mjs";
import { access } from "../support/server.mjs";
import { test } from "../support/test.mjs";

const LANGUAGES = ["js", "sh", "toml", "html", "text"];
const server = process.env.METERED_SERVER_BIN ?? join(root, "target/debug/metered-server");
const xtask = join(dirname(server), "xtask");

const blocks = documents.flatMap(blocksOf);
const where = ({ path, line }) => `${path}:${line}`;
const inLanguage = (language) => blocks.filter((block) => block.language === language);

// Below the root, so that imports find the package.
mkdirSync(join(root, "target"), { recursive: true });
const directory = mkdtempSync(join(root, "target/docs-"));
after(() => rmSync(directory, { recursive: true, force: true }));

test("every block says what it is", () => {
  for (const block of blocks) assert.ok(LANGUAGES.includes(block.language), `${where(block)}: ${block.language || "no language"}`);
});

test("JavaScript compiles against the package's declarations", () => {
  const snippets = inLanguage("js");
  assert.ok(snippets.length > 30, "snippets are found");
  for (const { path, line, text } of snippets) {
    // On the lines that they have in their document, so that the compiler's words lead there.
    writeFileSync(join(directory, `${path.replaceAll("/", "-")}-${line}.mjs`), `${"\n".repeat(line - 1)}${text}export {};\n`);
  }
  cpSync(new URL("ambient.d.ts", import.meta.url), join(directory, "ambient.d.ts"));
  const compilerOptions = {
    target: "es2022",
    module: "nodenext",
    lib: ["es2022", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"],
    types: ["node"],
    allowJs: true,
    checkJs: true,
    strict: true,
    noImplicitAny: false,
    useUnknownInCatchVariables: false,
    noEmit: true,
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.mjs", "*.d.ts"] }));
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, "--project", directory], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
});

/** Where the server of the tests is instead of where the documents have it. */
const there = async (text) => {
  const { url } = await access();
  const host = new URL(url).host;
  return text.replaceAll(/(localhost|127\.0\.0\.1):9292/g, host);
};

for (const block of inLanguage("js").filter(({ marks }) => marks.includes("run"))) {
  test(`the program at ${where(block)} prints what the document says`, async () => {
    const file = join(directory, `run-${block.path.replaceAll("/", "-")}-${block.line}.mjs`);
    writeFileSync(file, await there(block.text));
    const printed = execFileSync(process.execPath, [file], { encoding: "utf8", timeout: 30_000 });
    assert.equal(block.after?.language, "text", "what it prints follows");
    assert.equal(printed, block.after.text);
  });
}

for (const block of inLanguage("sh").filter(({ marks }) => marks.includes("run"))) {
  test(`the commands at ${where(block)} succeed`, async () => {
    const script = `set -e\ncurl() { command curl --silent --show-error --fail-with-body "$@"; }\n${await there(block.text)}`;
    execFileSync("bash", ["-c", script], { encoding: "utf8", timeout: 30_000 });
  });
}

test("every configuration passes the server's check", () => {
  const configurations = inLanguage("toml");
  assert.ok(configurations.length > 0, "configurations are found");
  const environment = { ...process.env, CHAT_SECRET: "0123456789abcdef", TURN_SECRET: "0123456789abcdef" };
  for (const block of configurations) {
    const file = join(directory, "config.toml");
    writeFileSync(file, block.text);
    const { status, stdout, stderr } = spawnSync(server, ["check", file], { encoding: "utf8", env: environment });
    assert.equal(status, 0, `${where(block)}: ${stdout}${stderr}`);
  }
});

// ---- commands

/** What a program says about itself. */
const help = (program, ...words) => execFileSync(program, [...words, "--help"], { encoding: "utf8" });
/** Fails unless each option among the words is one that a help text knows. */
const knows = (text, words) => {
  for (const word of words.filter((each) => each.startsWith("--"))) assert.ok(text.includes(word), `there is no ${word}`);
};
const exists = (path) => assert.ok(existsSync(join(root, path)), `there is no ${path}`);
/** Files that people make, or a build does. */
const MADE = [/^my\.toml$/, /^target\//, /^FILE$/, /^DIR$/];
const isThere = (path) => MADE.some((made) => made.test(path)) || exists(path);

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { version } = JSON.parse(readFileSync(join(root, "pkg/package.json"), "utf8"));
const installable = ["metered-realtime", `./target/package/metered-realtime-${version}.tgz`, ...Object.keys(manifest.devDependencies)];
const crates = readdirSync(join(root, "crates")).map((name) => readFileSync(join(root, "crates", name, "Cargo.toml"), "utf8").match(/^name = "(.+)"$/m)[1]);

/** For each program how its words are checked. Throws for what is wrong. */
const programs = {
  "cargo xtask": ([command, ...words]) => {
    assert.match(help(xtask), new RegExp(`^  ${command} `, "m"), `there is no ${command}`);
    const whole = help(xtask, command);
    // What has commands of its own has their options there.
    const text = whole.includes("\nCommands:\n") ? help(xtask, command, words.shift()) : whole;
    knows(text, words);
    const parts = words.includes("--only") ? words[words.indexOf("--only") + 1].split(",") : [];
    for (const part of parts.filter((each) => each && each !== "PART")) assert.match(text, new RegExp(`^ +- ${part}:`, "m"), `there is no part ${part}`);
  },
  "cargo run": (words) => {
    programs["cargo build"](words.slice(0, words.indexOf("--")));
    programs["metered-server"](words.slice(words.indexOf("--") + 1));
  },
  "cargo build": (words) => {
    const named = (option) => words[words.indexOf(option) + 1];
    assert.ok(crates.includes(named("--package")), `there is no crate ${named("--package")}`);
    if (words.includes("--profile")) assert.ok(readFileSync(join(root, "Cargo.toml"), "utf8").includes(`[profile.${named("--profile")}]`));
  },
  "cargo test": (words) => programs["cargo build"](words),
  "metered-server": (words) => {
    knows(help(server), words);
    for (const word of words) if (/[./]/.test(word) && !word.includes("://")) isThere(word);
  },
  "./target/server/metered-server": (words) => programs["metered-server"](words),
  node: (words) => isThere(words.find((word) => !word.startsWith("-"))),
  "npm install": (words) => {
    for (const word of words) assert.ok(installable.includes(word), `${word} is not among the packages that are tested`);
  },
  cp: ([from]) => exists(from),
  // Of another project.
  "nats-server": (words) => assert.deepEqual(words, ["&"]),
  "wasm-pack build": () => {},
};

/** Checks one command line. */
const check = (line) => {
  const words = line.replace(/\s+#.*$/, "").replaceAll(/[[\]\\]|…/g, "").split(/\s+/).filter((word) => word && !/^[A-Z_]+=/.test(word));
  const name = [words.slice(0, 2).join(" "), words[0]].find((each) => Object.hasOwn(programs, each));
  assert.ok(name, `it is not known how to check '${words[0]}'`);
  programs[name](words.slice(name.split(" ").length));
};

test("every command is one that exists, with options and files that exist", () => {
  const commands = inLanguage("sh").filter(({ marks }) => !marks.includes("run")).flatMap((block) => {
    return block.text.split("\n").map((text, at) => ({ text, at: `${block.path}:${block.line + at}` }));
  });
  const inProse = documents.flatMap((path) => proseOf(path).flatMap((line, at) => {
    return quoted(line).filter((text) => /^(cargo xtask|cargo test|node) \S/.test(text)).map((text) => ({ text, at: `${path}:${at + 1}` }));
  }));
  assert.ok(commands.length > 15 && inProse.length > 10, "commands are found");
  for (const { text, at } of [...commands, ...inProse].filter(({ text }) => text.trim())) {
    try {
      check(text);
    } catch (error) {
      assert.fail(`${at}: ${text}: ${error.message}`);
    }
  }
});
