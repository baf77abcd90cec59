import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { once } from "node:events";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../core/spec/exit-codes.ts";
import { PretendMachine } from "./setup-machine.ts";

const root = path.resolve(import.meta.dirname, "..", "..");

describe("the entry of the npm scripts", () => {
  let machine: PretendMachine;
  const start = (...args: string[]) =>
    execa(process.execPath, [machine.path("setup", "bootstrap.js"), ...args], { reject: false });

  beforeEach(() => {
    machine = new PretendMachine();
    machine.write("package-lock.json", "{}");
    machine.write("package.json", `{ "type": "module" }`);
    machine.write("setup/bootstrap.js", fs.readFileSync(path.join(root, "setup", "bootstrap.js"), "utf8"));
    // What `npm ci` would install: the packages of this checkout.
    machine.program(
      "npm",
      `mkdir -p node_modules; [ -e node_modules/tsx ] || ${JSON.stringify(process.execPath)} -e 'require("fs").symlinkSync("${root}/node_modules/tsx","node_modules/tsx")'`,
    );
    machine.write(
      "main.ts",
      "const args: string[] = process.argv.slice(2);\nconsole.log(args.join('|'));\nprocess.exit(7);",
    );
  });
  afterEach(() => machine.remove());

  it("installs the packages, then hands arguments over and the exit code back", async () => {
    const { stdout, stderr, exitCode } = await start("main.ts", "up", "--stack", "two words");
    expect({ stdout, exitCode }).toEqual({ stdout: "up|--stack|two words", exitCode: 7 });
    expect(stderr).toMatch(/installing the locked npm packages/);
    expect(machine.calls()).toEqual(["npm ci --ignore-scripts --no-audit --no-fund"]);
  });

  it("installs again only when the lock has changed", async () => {
    await start("main.ts");
    machine.calls();
    expect((await start("main.ts")).stderr).toBe("");
    expect(machine.calls()).toEqual([]);
    machine.write("package-lock.json", `{ "changed": true }`);
    await start("main.ts");
    expect(machine.calls()).toHaveLength(1);
  });

  it("leaves packages alone that are a link into another checkout", async () => {
    fs.symlinkSync(path.join(root, "node_modules"), machine.path("node_modules"));
    expect((await start("main.ts")).exitCode).toBe(7);
    expect(machine.calls()).toEqual([]);
  });

  it("ends with the documented code where packages cannot be installed, and tries again next time", async () => {
    machine.program("npm", "echo no network >&2; exit 1");
    const { exitCode, stderr } = await start("main.ts");
    expect(exitCode).toBe(EXIT_CODES.ENVIRONMENT.code);
    expect(stderr).toMatch(/no network[^]*npm ci failed/);
    expect((await start("main.ts")).exitCode).toBe(EXIT_CODES.ENVIRONMENT.code);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "passes %s on and waits for the child's own ending",
    async (signal) => {
      machine.write(
        "main.ts",
        `process.on("${signal}", () => setTimeout(() => { console.log("saved"); process.exit(43); }, 300));
       setInterval(() => undefined, 1000);
       console.log("ready");`,
      );
      const child = spawn(process.execPath, [machine.path("setup", "bootstrap.js"), "main.ts"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      let output = "";
      child.stdout.on("data", (data: Buffer) => {
        output += data.toString();
        if (data.toString().includes("ready")) child.kill(signal);
      });
      const [code] = (await once(child, "close")) as [number];
      expect({ output, code }).toEqual({ output: "ready\nsaved\n", code: 43 });
    },
  );

  it("reports a child that a signal ended as shells do", async () => {
    machine.write("main.ts", `process.kill(process.pid, "SIGKILL");`);
    expect((await start("main.ts")).exitCode).toBe(137);
  });

  it("says which Node is too old before anything else", async () => {
    const file = machine.path("setup", "bootstrap.js");
    const old = fs.readFileSync(file, "utf8").replace("process.versions.node", `"20.10.0"`);
    fs.writeFileSync(file, old);
    const { exitCode, stderr } = await start("main.ts");
    expect(exitCode).toBe(EXIT_CODES.ENVIRONMENT.code);
    expect(stderr).toMatch(/too old: install Node 20.11 or newer/);
    expect(machine.calls()).toEqual([]);
  });
});
