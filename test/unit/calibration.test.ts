import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { describePlan } from "../../core/plan/describe.ts";
import { flopsPerToken } from "../../core/plan/time.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { accuracyOf } from "../../loading/workspace.ts";
import { exampleArchitecture, examplePlan } from "./example.ts";

const off = {
  planned: { peakBytes: 2e9, tokensPerSecond: 200 },
  measured: { peakBytes: 2.2e9, tokensPerSecond: 160 },
};

describe("what a training took", () => {
  it("corrects the next plan's memory, and never its micro-batch", () => {
    const before = examplePlan();
    const after = examplePlan({}, { lastAccuracy: off });
    expect(after.memory!.peakBytes / before.memory!.peakBytes).toBeCloseTo(1.1);
    expect(after.run).toEqual(before.run);
    const sum = Object.values(after.memory!.breakdown).reduce((total, part) => total + part, 0);
    expect(sum).toBeCloseTo(after.memory!.peakBytes, -1);
    expect(after.prediction!.peakBytes).toBe(before.memory!.peakBytes);
  });

  it("gives the speed of other settings of the same base by their FLOPs", () => {
    const { train } = examplePlan().run;
    const speed = { source: "last run", tokensPerSecond: 200, train } as const;
    const narrow = examplePlan({ train: { lastLayers: 5 } }, { speed });
    const ratio =
      flopsPerToken(exampleArchitecture, train, 90) /
      flopsPerToken(exampleArchitecture, narrow.run.train, 90);
    expect(narrow.prediction!.tokensPerSecond).toBeCloseTo(200 * ratio);
    expect(narrow.prediction!.tokensPerSecond).toBeGreaterThan(250);
  });

  it("is told beside what was planned, for a finished run", () => {
    const fineTune = examplePlan({}, { runState: () => "reused", accuracyOf: () => off });
    const stack = { target: "local", workspace: "/w", fineTunes: [fineTune] } as unknown as StackPlan;
    expect(describePlan(stack)).toContain(
      "triage: memory planned 2.00 GB, measured 2.20 GB (-9 %); speed planned 200, measured 160 tokens/s (+25 %)",
    );
    expect(examplePlan({}, { accuracyOf: () => off }).accuracy).toBeNull();
  });

  it("is not known of a run that has no prediction, or is not finished", () => {
    const workspace = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-"));
    const write = (file: string, value: object) => {
      fs.mkdirSync(path.join(workspace, "runs/a"), { recursive: true });
      fs.writeFileSync(path.join(workspace, "runs/a", file), JSON.stringify(value));
    };
    expect(accuracyOf(workspace, "a")).toBeNull();
    write("training.json", { ...off.measured, steps: 3 });
    expect(accuracyOf(workspace, "a")).toBeNull();
    write("prediction.json", off.planned);
    expect(accuracyOf(workspace, "a")).toEqual(off);
  });
});
