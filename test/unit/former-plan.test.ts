import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidInput } from "../../core/spec/problems.ts";
import { parseStackConfig } from "../../core/spec/stack.ts";
import { readFormerPlan } from "../../loading/former-plan.ts";
import type { MachineFacts } from "../../loading/machine.ts";
import { loadStackPlan } from "../../loading/stack-plan.ts";
import { good, replaced, rows } from "../bad-input-cases.ts";

let root: string;
beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-former-"))));
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function write(file: string, content: string): string {
  const absolute = path.join(root, file);
  fs.mkdirSync(path.dirname(absolute), { recursive: true });
  fs.writeFileSync(absolute, content);
  return absolute;
}

describe("the plan of a base commit", () => {
  it("is null where the base commit has none", () => {
    expect(readFormerPlan(write("before.json", "null\n"))).toBeNull();
  });

  it.each([
    ["is missing", null, /cannot be read as JSON/],
    ["is not JSON", "## Fine-tunes", /cannot be read as JSON/],
    ["holds problems instead", `{ "problems": [] }`, /is not a plan of this version/],
    ["is of another version", `{ "schemaVersion": 2, "fineTunes": [], "servers": [] }`, /is not a plan/],
    ["is a list", "[]", /is not a plan of this version/],
  ])("that %s is refused with what to write instead", (_what, content, says) => {
    const file = content === null ? path.join(root, "none.json") : write("before.json", content);
    const read = () => readFormerPlan(file);
    expect(read).toThrow(InvalidInput);
    expect(read).toThrow(says);
    expect(read).toThrow(/→ write it with `tuneform plan --json`/);
  });
});

describe("a plan for another machine", () => {
  const load = (machine: Partial<MachineFacts>, options: { elsewhere?: boolean; model?: string } = {}) => {
    write("data/rows.jsonl", rows(100));
    write("models/triage.yaml", options.model ?? good);
    return loadStackPlan({
      root,
      config: parseStackConfig({ workspace: "workspace" }, "Pulumi.test.yaml"),
      stack: "test",
      machine: { memoryBytes: 24e9, freeDiskBytes: 1e12, flopsPerSecond: () => 1e11, ...machine },
      elsewhere: options.elsewhere ?? false,
    });
  };

  it.each([
    ["memory", { memoryBytes: 1e8 }, {}],
    ["disk", { freeDiskBytes: 1e6 }, {}],
    ["speed", { flopsPerSecond: () => 1e6 }, { model: `${good}compute: { maxHours: 0.1 }\n` }],
  ])("is not refused for this one's %s", async (_what, machine, options) => {
    await expect(load(machine, options)).rejects.toThrow(InvalidInput);
    expect((await load(machine, { ...options, elsewhere: true })).fineTunes).toHaveLength(1);
  });

  it("has no time of this one, and else what a plan for it has", async () => {
    const [here, there] = [(await load({})).fineTunes[0], (await load({}, { elsewhere: true })).fineTunes[0]];
    expect(here?.seconds).not.toBeNull();
    expect(there).toEqual({ ...here, seconds: null, declaredSeconds: null, prediction: null });
    expect(there?.runId).toBe(here?.runId);
  });

  it("still refuses what is wrong in the files", async () => {
    await expect(load({}, { elsewhere: true, model: replaced("rank: 8", "rank: 0") })).rejects.toThrow(
      /models\/triage\.yaml:\d+ train\.rank/,
    );
  });
});
