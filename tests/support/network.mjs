// Hosts on a network whose faults a test sets, each in a namespace of its own: network.py says how.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { within } from "./wait.mjs";

const program = fileURLToPath(new URL("network.py", import.meta.url));

/** Nothing comes through. */
export const CUT = { loss: 1 };

/**
 * Starts a network that ends with the test. `host(name)` makes a host: `address`, and `command`, with which a command
 * line begins that is to run on it. `set(faults)` says what happens to what it gets and sends from now on, by default
 * nothing, and answers how many packets it was given or not so far; `move()` gives it another address.
 */
export const startNetwork = async (t, { seed = 1 } = {}) => {
  const child = spawn(process.env.METERED_PYTHON ?? "python3", [program, String(seed)], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.stdin.end();
    await within(ended, "the network's end");
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let last = Promise.resolve();
  const ask = (command) => {
    last = last.then(async () => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value } = await within(answers.next(), "the network's answer");
      const answer = JSON.parse(value ?? `{"error": "the network has ended"}`);
      if (answer.error) throw new Error(answer.error);
      return answer;
    });
    return last;
  };

  let addresses = 0;
  const nextAddress = () => `10.77.0.${(addresses += 1)}`;
  return {
    host: async (name) => {
      const host = { address: nextAddress() };
      const { namespace } = await ask({ do: "host", name, address: host.address });
      host.command = ["ip", "netns", "exec", namespace];
      host.set = ({ in: incoming, out } = {}) => ask({ do: "set", name, in: incoming, out });
      host.move = async () => {
        host.address = nextAddress();
        await ask({ do: "move", name, address: host.address });
      };
      return host;
    },
  };
};

/** A file that runs a program on a host, for those who start programs by their paths. */
export const wrapper = (t, host, path) => {
  const directory = mkdtempSync(join(tmpdir(), "metered-host-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "run");
  writeFileSync(file, `#!/bin/sh\nexec ${host.command.join(" ")} ${path} "$@"\n`, { mode: 0o755 });
  return file;
};
