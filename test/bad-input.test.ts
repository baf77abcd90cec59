import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidInput } from "../core/spec/problems.ts";
import { parseStackConfig } from "../core/spec/stack.ts";
import { loadStackPlan } from "../loading/stack-plan.ts";
import type { MachineFacts } from "../loading/machine.ts";
import { good, replaced, rows, specCases, type Case } from "./bad-input-cases.ts";
import { dataCases, stackCases } from "./bad-input-data-cases.ts";
import { manifestCases } from "./bad-input-manifest-cases.ts";
import { valueCases } from "./bad-input-value-cases.ts";

const machine: MachineFacts = { memoryBytes: 24e9, freeDiskBytes: 1e12, flopsPerSecond: () => 1e11 };

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-input-"));
  for (const folder of ["models", "data"]) fs.mkdirSync(path.join(root, folder));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

async function load({
  model = good,
  data = rows(100),
  more = {},
  stack = {},
  machine: facts = {},
}: Partial<Case>): Promise<InvalidInput> {
  fs.writeFileSync(path.join(root, "models", "triage.yaml"), model);
  if (data !== null) fs.writeFileSync(path.join(root, "data", "rows.jsonl"), data);
  for (const [file, content] of Object.entries(more)) {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), content);
  }
  try {
    const config = parseStackConfig({ port: "1024", ...stack }, "Pulumi.test.yaml");
    await loadStackPlan({ root, config, stack: "test", machine: { ...machine, ...facts } });
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("bad input is refused with file, field and what to do, and leaves nothing behind", () => {
  it.each([...specCases, ...valueCases, ...dataCases, ...stackCases, ...manifestCases])(
    "$what",
    async (bad) => {
      const error = await load(bad);
      expect(error.message).toMatch(bad.says);
      expect(error.exitCode).toBe(bad.code);
      const given = Object.keys(bad.more ?? {}).map((file) => file.split("/")[0] ?? "");
      expect(fs.readdirSync(root).sort()).toEqual([...new Set(["data", "models", ...given])].sort());
    },
  );

  it("a port that another program holds", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as net.AddressInfo;
    const error = await load({ stack: { port: String(port) } });
    other.close();
    expect(error.message).toMatch(new RegExp(`tuneform:port: port ${port} on 127\\.0\\.0\\.1 is taken`));
    expect(error.exitCode).toBe(9);
  });

  it("a port of ours that another program took while our server was gone", async () => {
    const other = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as net.AddressInfo;
    const server = path.join(root, "workspace", "servers", "smollm2-135m");
    fs.mkdirSync(server, { recursive: true });
    fs.writeFileSync(path.join(server, "pid.json"), JSON.stringify({ pid: process.pid, port }));
    const error = await load({ stack: { port: String(port), workspace: "workspace" } });
    other.close();
    expect(error.message).toMatch(/is taken by another program/);
  });

  it("bases whose servers would need ports beyond the last one", async () => {
    fs.writeFileSync(
      path.join(root, "models", "other.yaml"),
      replaced("triage", "other").replace("smollm2-135m", "gemma-2-9b"),
    );
    const error = await load({ stack: { port: "65535" }, machine: { memoryBytes: 1e12 } });
    expect(error.message).toMatch(/tuneform:port: leaves no port for the server of .* → at most 65534/);
    expect(error.exitCode).toBe(9);
  });

  it("more trainings at a time than the memory has room for", async () => {
    fs.writeFileSync(path.join(root, "models", "other.yaml"), replaced("triage", "other"));
    const error = await load({ stack: { parallelism: "2" }, machine: { memoryBytes: 2.1e9 } });
    expect(error.message).toMatch(/tuneform:parallelism: 2 trainings at a time take about .* → lower it/);
    expect(error.exitCode).toBe(5);
  });

  it("what the machine lacks comes in one answer too", async () => {
    const error = await load({ machine: { memoryBytes: 2e8, freeDiskBytes: 1e6 } });
    expect(error.problems.map((problem) => problem.path)).toEqual(["tuneform:workspace", "base"]);
    expect(error.exitCode).toBe(7);
  });

  it("a name that two files have", async () => {
    fs.writeFileSync(path.join(root, "models", "other.yaml"), good);
    expect((await load({})).message).toMatch(
      /triage\.yaml:1 name: triage is the name of models\/other\.yaml too/,
    );
  });

  it("everything at once: all problems of all files in one answer", async () => {
    fs.writeFileSync(
      path.join(root, "models", "other.yaml"),
      replaced("task: classification", "task: poetry"),
    );
    const { problems } = await load({ model: replaced("rank: 8", "rank: 0\n  epochs: -1\n  speed: 3") });
    expect(problems.map(({ file, path: field }) => `${file} ${field ?? ""}`).sort()).toEqual([
      "models/other.yaml task",
      "models/triage.yaml train.epochs",
      "models/triage.yaml train.rank",
      "models/triage.yaml train.speed",
    ]);
  });
});
