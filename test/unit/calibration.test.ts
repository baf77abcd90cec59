import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { describePlan } from "../../core/plan/describe.ts";
import { flopsPerToken } from "../../core/plan/time.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import { bytes, seconds } from "../../core/plan/units.ts";
import { finishedTrainings } from "../../loading/workspace.ts";
import fc from "fast-check";
import { modelFamily } from "../../core/catalog/family.ts";
import { BASE_MODELS } from "../../core/catalog/base-models.ts";
import { GPUS, type GpuId } from "../../core/catalog/gpus.ts";
import { flightPlan, type FlightPlan } from "../../core/plan/flight.ts";
import { gpuMeasurement } from "../../core/plan/gpu-calibration.ts";
import type { GpuMeasurement, GpuStepTaken } from "../../core/plan/gpu-step.ts";
import { gpuMemory } from "../../core/plan/gpu-memory.ts";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { tokensPerSecond } from "../../core/plan/throughput.ts";
import { exampleArchitecture, exampleFacts, examplePlan, exampleSpec } from "./example.ts";
import { llamaJob } from "./example-jobs.ts";

const off = {
  planned: { peakBytes: bytes(2e9), tokensPerSecond: 200, seconds: seconds(100) },
  measured: { peakBytes: bytes(2.2e9), tokensPerSecond: 160, seconds: seconds(125) },
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
    const serving = { servers: [], unserved: [] };
    const stack = {
      target: "local",
      notes: [],
      workspace: "/w",
      fineTunes: [fineTune],
      serving,
    } as unknown as StackPlan;
    expect(describePlan(stack)).toContain(
      "triage: memory planned 2.00 GB, measured 2.20 GB (-9 %); speed planned 200, measured 160 tokens/s (+25 %); training planned 1.7 min, measured 2.1 min (-20 %)",
    );
    expect(examplePlan({}, { accuracyOf: () => off }).accuracy).toBeNull();
  });

  it("keeps the hours that were planned, from tokens and epochs", () => {
    const { prediction } = examplePlan({ train: { epochs: 2 } });
    // 70 % of 90,000 tokens, twice, at 200 tokens a second.
    expect(prediction!.seconds).toBeCloseTo((0.7 * 90_000 * 2) / 200);
    expect(prediction).toMatchObject({ architecture: exampleArchitecture, on: null });
  });
});

describe("a workspace", () => {
  const workspaceOf = (runs: { id: string; base: string; prediction?: object; training?: object }[]) => {
    const workspace = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-"));
    const { train } = examplePlan().run;
    for (const [at, { id, base, prediction, training }] of runs.entries()) {
      const folder = path.join(workspace, "runs", id);
      fs.mkdirSync(folder, { recursive: true });
      const write = (file: string, value: object) => {
        fs.writeFileSync(path.join(folder, file), JSON.stringify(value));
        fs.utimesSync(path.join(folder, file), at + 1, at + 1);
      };
      write("run.json", { base: { id: base }, train });
      if (prediction !== undefined) write("prediction.json", prediction);
      if (training !== undefined) write("training.json", training);
    }
    return workspace;
  };
  const here = { ...off.planned, architecture: exampleArchitecture, on: null };

  it("knows nothing of a run that has no prediction, or is not finished", () => {
    const base = "smollm2-135m";
    const training = { ...off.measured, steps: 3 };
    const workspace = workspaceOf([
      { id: "unplanned", base, training },
      { id: "unfinished", base, prediction: here },
      { id: "whole", base, prediction: here, training },
    ]);
    const { accuracyOf } = finishedTrainings(workspace);
    expect(["nowhere", "unplanned", "unfinished"].map(accuracyOf)).toEqual([null, null, null]);
    expect(accuracyOf("whole")).toEqual(off);
  });

  it("reads what earlier versions kept, which had no seconds", () => {
    const { seconds: _seconds, ...prediction } = off.planned;
    const workspace = workspaceOf([{ id: "a", base: "smollm2-135m", prediction, training: off.measured }]);
    expect(finishedTrainings(workspace).accuracyOf("a")!.planned).toEqual({ ...off.planned, seconds: null });
  });

  it("lets a run of the same family speak for another size, by the FLOPs of both", () => {
    const workspace = workspaceOf([
      { id: "small", base: "smollm2-135m", prediction: here, training: off.measured },
    ]);
    const last = finishedTrainings(workspace).lastOf("smollm2-360m")!;
    expect(last.accuracy).toEqual(off);
    const larger = { ...exampleArchitecture, layers: 2 * exampleArchitecture.layers };
    const { base } = exampleFacts;
    const plan = examplePlan({}, { base: { ...base, architecture: larger }, speed: last.speed });
    const ratio =
      flopsPerToken(exampleArchitecture, examplePlan().run.train, 90) /
      flopsPerToken(larger, plan.run.train, 90);
    expect(ratio).toBeLessThan(0.6);
    expect(plan.prediction!.tokensPerSecond).toBeCloseTo(160 * ratio);
    expect(finishedTrainings(workspace).lastOf("llama-3.1-8b")).toBeNull();
  });

  it("prefers the same base to a newer run of its family", () => {
    const workspace = workspaceOf([
      { id: "same", base: "smollm2-360m", prediction: here, training: off.measured },
      {
        id: "newer",
        base: "smollm2-135m",
        prediction: here,
        training: { ...off.measured, tokensPerSecond: 1 },
      },
    ]);
    expect(finishedTrainings(workspace).lastOf("smollm2-360m")!.speed).toMatchObject({
      tokensPerSecond: 160,
    });
  });

  it("keeps GPUs apart from this machine and from each other", () => {
    const prediction = { ...off.planned, architecture: llamaJob.architecture, on: step };
    const workspace = workspaceOf([{ id: "a", base: "llama-3.1-8b", prediction, training: off.measured }]);
    const { lastOf, measuredOn } = finishedTrainings(workspace);
    expect(lastOf("llama-3.1-8b")).toBeNull();
    expect(measuredOn("llama-3.1-70b", "l4")).toMatchObject({ peakRatio: 1.1 });
    expect(measuredOn("llama-3.1-8b", "h100-80gb")).toBeNull();
    expect(measuredOn("qwen-2.5-7b", "l4")).toBeNull();
  });
});

const step: GpuStepTaken = {
  gpu: "l4",
  gpus: 1,
  train: {
    method: "qlora",
    doubleQuant: true,
    rank: 16,
    targets: "all-linear",
    lastLayers: null,
    dropout: 0,
    maxLength: 300,
    microBatch: 4,
    checkpointing: "full",
    loss: "naive",
    headShare: 0.1,
    adapterBytes: 16,
  },
};

describe("what a training took on a GPU", () => {
  const a = llamaJob.architecture;
  const planned = {
    peakBytes: gpuMemory(a, step.train).processBytes,
    tokensPerSecond: tokensPerSecond(a, step.train, GPUS.l4).expected,
    seconds: null,
  };

  it("moves the predicted speed and memory to the measurement, and never beyond it", () => {
    const factor = fc.double({ min: 0.05, max: 4, noNaN: true });
    fc.assert(
      fc.property(factor, factor, fc.constantFrom(1, 2, 4, 8), (speed, memory, gpus) => {
        const speedUp = gpus === 1 ? 1 : gpus * 0.9;
        const measured = {
          peakBytes: bytes(planned.peakBytes * memory),
          tokensPerSecond: planned.tokensPerSecond * speed * speedUp,
          seconds: null,
        };
        const { utilisation, peakRatio } = gpuMeasurement(a, { ...step, gpus }, planned, measured);
        const after = tokensPerSecond(a, step.train, GPUS.l4, utilisation).expected * speedUp;
        const before = planned.tokensPerSecond * speedUp;
        const [low, high] = [before, measured.tokensPerSecond].sort((x, y) => x - y);
        expect(after).toBeGreaterThanOrEqual(low! * (1 - 1e-6));
        expect(after).toBeLessThanOrEqual(high! * (1 + 1e-6));
        // Utilisations from 1 % to 100 % can be told; what lies between is met.
        if (speed > 0.1 && speed < 1.5) expect(after).toBeCloseTo(measured.tokensPerSecond, 2);
        expect(peakRatio).toBeCloseTo(memory);
      }),
    );
  });

  const spec = exampleSpec({ base: "llama-3.1-8b", train: { method: "auto" } });
  const base = { architecture: a, context: 131_072, entry: BASE_MODELS["llama-3.1-8b"] };
  const { data } = exampleFacts;
  const flight = (measuredOn: (gpu: GpuId) => GpuMeasurement | null) =>
    flightPlan(spec, { base, data, instances: INSTANCES, measuredOn })!;
  const plain = flight(() => null);
  const { gpu } = plain.best!;

  it("corrects time, cost and memory of the next plan on that GPU, and of no other", () => {
    const after = flight((id) => (id === gpu ? { utilisation: 0.1, peakRatio: 1.2 } : null));
    expect(after.best!.parts.training.expected).toBeGreaterThan(2 * plain.best!.parts.training.expected);
    expect(after.best!.cost.expected).toBeGreaterThan(plain.best!.cost.expected);
    expect(after.best!.peakBytes).toBe(Math.round(1.2 * plain.best!.peakBytes));
    const { low, high } = after.best!.parts.training;
    const before = plain.best!.parts.training;
    expect(high / low).toBeLessThan(before.high / before.low);
    const other = ({ alternatives }: FlightPlan) => alternatives.filter((option) => option.gpu !== gpu);
    expect(other(after).length).toBeGreaterThan(0);
    expect(other(after)).toEqual(other(plain));
  });

  it("never changes what is chosen: a declared run would be made again", () => {
    const choice = ({ best }: FlightPlan) => {
      const { instance, purchase, gpus, method, microBatch, gradientAccumulation, checkpointing } = best!;
      return { instance, purchase, gpus, method, microBatch, gradientAccumulation, checkpointing };
    };
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0.3, max: 3, noNaN: true }),
        fc.constantFrom(...plain.alternatives.map((option) => option.gpu), gpu),
        (utilisation, peakRatio, measured) => {
          const after = flight((id) => (id === measured ? { utilisation, peakRatio } : null));
          expect(choice(after)).toEqual(choice(plain));
        },
      ),
    );
  });

  it("is refused where the limit is not kept by what was measured", () => {
    const maxUsd = Math.ceil(plain.best!.cost.expected * 100 + 1) / 100;
    const limited = exampleSpec({ ...spec, compute: { maxUsd } });
    const of = (utilisation: number | null) =>
      flightPlan(limited, {
        base,
        data,
        instances: INSTANCES,
        measuredOn: (id) => (utilisation !== null && id === gpu ? { utilisation, peakRatio: 1 } : null),
      })!;
    expect(of(null).excess).toBeNull();
    expect(of(0.02).excess).toMatchObject({ field: "compute.maxUsd" });
    expect(of(0.02).best!.instance).toBe(plain.best!.instance);
  });
});

describe("a model family", () => {
  it.each([
    ["smollm2-135m", "smollm2"],
    ["llama-3.1-8b", "llama-3.1"],
    ["mistral-7b-v0.3", "mistral-v0.3"],
    ["Qwen/Qwen2.5-7B-Instruct", "qwen/qwen2.5-instruct"],
    ["stabilityai/stablelm-2-1_6b-chat", "stabilityai/stablelm-2-chat"],
    ["phi-3-mini", "phi-3-mini"],
  ])("of %s is %s", (id, family) => {
    expect(modelFamily(id)).toBe(family);
  });
});
