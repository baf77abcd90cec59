import { describe, expect, it } from "vitest";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { describePlan } from "../../core/plan/describe.ts";
import { planMarkdown } from "../../core/plan/markdown.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { servingPlan } from "../../core/plan/serving-plan.ts";
import { planSummary } from "../../core/plan/summary.ts";
import { exampleFacts, examplePlan } from "./example.ts";

const fineTune = examplePlan();
const stack: StackPlan = {
  schemaVersion: 1,
  notes: [],
  target: "local",
  stack: "dev",
  workspace: "/w",
  kubernetes: null,
  aws: null,
  parallelism: 1,
  fineTunes: [fineTune],
  servers: [],
  serving: servingPlan([fineTune.served!], INSTANCES),
};

describe.each([
  ["table", describePlan],
  ["markdown", planMarkdown],
])("the plan as %s", (_format, write) => {
  const text = write(stack);

  it("names what its range takes for granted, each with its numbers", () => {
    const [assumed] = text.split("\n").filter((line) => line.includes("assumed: "));
    for (const part of [
      "tokens estimated from characters",
      /start-up: node 3\.0 min to 9\.0 min, image 60 s to 6\.0 min, weights \d+ s to \d+ s/,
      /training .* to .* at [\d,]+ to [\d,]+ tokens\/s \(matrix products at 55 % to 87 % of the GPU's peak\)/,
      /evaluation .* to /,
      /price of \d{4}-\d\d-\d\d/,
      /a checkpoint every .* \(\d+ steps\)/,
      "10.0 min until the idle node is gone, 100.3 GB of disk",
    ])
      expect(assumed).toMatch(part);
  });

  it("says why train.method auto became what it is", () => {
    expect(text).toContain(
      "train.method auto is lora: 16-bit weights fit, and the job is cheapest with them",
    );
    expect(write({ ...stack, fineTunes: [examplePlan({ train: { method: "lora" } })] })).not.toContain(
      "train.method auto",
    );
  });

  it("says what serving the stack on GPUs takes", () => {
    expect(text).toContain("serving: on GPUs, 1 server, $");
    expect(text).toContain("(1 slot of rank 16)");
  });
});

describe("the plan in the stack outputs", () => {
  it("is short: run, state, memory, time, the job on a GPU, advice", () => {
    const best = fineTune.flight!.best!;
    const { triage } = planSummary(stack);
    expect(triage).toMatchObject({
      runId: fineTune.runId,
      state: "new",
      gpuJob: { instance: best.instance, purchase: best.purchase, gpus: best.gpus, method: "lora" },
      advice: fineTune.advice.map(({ level, text }) => `${level}: ${text}`),
    });
    expect(triage!.memoryBytes! / fineTune.memory!.peakBytes).toBeCloseTo(1, 1);
    expect(triage!.seconds!.expected / fineTune.seconds!.expected).toBeCloseTo(1, 1);
    expect(triage!.gpuJob!.hours.expected / (best.duration.expected / 3600)).toBeCloseTo(1, 1);
    expect(triage!.gpuJob!.usd.high / best.cost.high).toBeCloseTo(1, 1);
  });

  it("takes no time for a finished run, and says nothing of what it does not know", () => {
    const reused = examplePlan({}, { runState: () => "reused" });
    const base = { ...exampleFacts.base, architecture: null };
    const unknown = { ...examplePlan({}, { base }), name: "unknown" };
    const plan = planSummary({ fineTunes: [reused, unknown] });
    expect(plan["triage"]!.seconds).toEqual({ low: 0, expected: 0, high: 0 });
    expect(plan["unknown"]).toMatchObject({ memoryBytes: null, seconds: null, gpuJob: null });
  });
});
