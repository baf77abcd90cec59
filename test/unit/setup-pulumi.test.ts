import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EXIT_CODES } from "../../core/spec/exit-codes.ts";
import { ensurePulumi, PULUMI_VERSION } from "../../setup/pulumi-cli.ts";
import { PretendMachine } from "./setup-machine.ts";

const archive = `pulumi-v${PULUMI_VERSION}-${process.platform}-${process.arch}.tar.gz`;
const goThatBuilds = `
[ "$1" = version ] && { echo "go version go1.26.0"; exit 0; }
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho built\\n' > "$2"; chmod +x "$2"`;

describe("the Pulumi CLI", () => {
  let machine: PretendMachine;
  let cached: string;
  const ensure = () => ensurePulumi(machine.folder, machine.say, `file://${machine.path("downloads")}`);

  beforeEach(() => {
    machine = new PretendMachine();
    vi.stubEnv("TUNEFORM_CACHE", machine.path("cache"));
    cached = machine.path("cache", "pulumi", PULUMI_VERSION, "bin", "pulumi");
    fs.mkdirSync(machine.path("setup", "pulumi-cli"), { recursive: true });
  });
  afterEach(() => machine.remove());

  /** An archive as the official ones are: everything in one folder named pulumi. */
  function publish(script: string): void {
    machine.program("unpacked/pulumi/pulumi", script);
    fs.mkdirSync(machine.path("downloads"), { recursive: true });
    execFileSync("tar", [
      "-czf",
      machine.path("downloads", archive),
      "-C",
      machine.path("unpacked"),
      "pulumi",
    ]);
  }

  it("is the one that TUNEFORM_PULUMI names, before the one on PATH", async () => {
    machine.program("pulumi", "");
    const given = machine.program("given/pulumi", "");
    vi.stubEnv("TUNEFORM_PULUMI", given);
    expect(await ensure()).toMatchObject({ command: given, how: "TUNEFORM_PULUMI" });
  });

  it("is refused where TUNEFORM_PULUMI names no program", async () => {
    vi.stubEnv("TUNEFORM_PULUMI", machine.path("nowhere", "pulumi"));
    await expect(ensure()).rejects.toThrow(/TUNEFORM_PULUMI is .*nowhere/);
  });

  it("is the one on PATH, and nothing is installed", async () => {
    const command = machine.program("pulumi", "");
    expect(await ensure()).toMatchObject({ command, how: "PATH" });
    expect(fs.existsSync(machine.path("cache"))).toBe(false);
  });

  it("is downloaded once, then taken from the cache", async () => {
    publish(`echo v${PULUMI_VERSION}`);
    expect(await ensure()).toMatchObject({ command: cached, how: "download" });
    expect(fs.readdirSync(path.dirname(cached))).toEqual(["pulumi"]);
    fs.rmSync(machine.path("downloads"), { recursive: true });
    expect(await ensure()).toMatchObject({ command: cached, how: "cache" });
  });

  it("is built where there is no download", async () => {
    machine.program("go", goThatBuilds);
    expect(await ensure()).toMatchObject({ command: cached, how: "build" });
    expect(execFileSync(cached, { encoding: "utf8" })).toBe("built\n");
    expect(machine.said.join("\n")).toMatch(/no download from here/);
  });

  it.each([
    ["is another version", () => publish("echo v3.0.0")],
    ["does not run here", () => publish("exit 126")],
    [
      "is a page of a proxy",
      () => void machine.write(`downloads/${archive}`, "<html>Please log in to the network</html>"),
    ],
  ])("is built where what was downloaded %s", async (_, prepare) => {
    prepare();
    machine.program("go", goThatBuilds);
    expect(await ensure()).toMatchObject({ how: "build" });
    expect(execFileSync(cached, { encoding: "utf8" })).toBe("built\n");
  });

  it("cannot be had without download and Go: the message says what to install", async () => {
    await expect(ensure()).rejects.toMatchObject({
      exitCode: EXIT_CODES.ENVIRONMENT.code,
      message: expect.stringMatching(/no Go.*install Pulumi \(https:.*\) and run again/) as string,
    });
  });

  it("is not half there after a build that failed", async () => {
    machine.program("go", `[ "$1" = version ] || { echo "out of space" >&2; exit 1; }`);
    await expect(ensure()).rejects.toThrow(/could not be built[^]*out of space/);
    expect(fs.existsSync(cached)).toBe(false);
    machine.program("go", goThatBuilds);
    expect(await ensure()).toMatchObject({ how: "build" });
  });

  it("is installed by one of two processes that start together", async () => {
    publish(`echo v${PULUMI_VERSION}`);
    const both = await Promise.all([ensure(), ensure()]);
    expect(both.map(({ how }) => how).sort()).toEqual(["cache", "download"]);
  });

  it("has the pinned version of the Go module", () => {
    const module = path.resolve(import.meta.dirname, "../../setup/pulumi-cli/go.mod");
    expect(fs.readFileSync(module, "utf8")).toContain(`github.com/pulumi/pulumi/pkg/v3 v${PULUMI_VERSION}\n`);
  });
});
