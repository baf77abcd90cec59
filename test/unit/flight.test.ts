import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Architecture } from "../../core/catalog/architecture.ts";
import { BASE_MODELS, CATALOG, type BaseModel } from "../../core/catalog/base-models.ts";
import { GPUS, type GpuId } from "../../core/catalog/gpus.ts";
import { INSTANCES } from "../../core/catalog/instances.ts";
import { compareBases } from "../../core/plan/compare-bases.ts";
import { estimate } from "../../core/plan/estimate.ts";
import { gpuMemory, type GpuTraining } from "../../core/plan/gpu-memory.ts";
import { stepWork, tokensPerSecond } from "../../core/plan/throughput.ts";
import { bytes, dollars, seconds, type Bytes, type Seconds } from "../../core/plan/units.ts";
import { exampleFacts, exampleSpec } from "./example.ts";

const architectures = Object.values<BaseModel>(BASE_MODELS).map(({ architecture }) => architecture);
const llama = BASE_MODELS["llama-3.1-8b"].architecture;

const trainings = fc.record({
  method: fc.constantFrom("lora", "qlora"),
  doubleQuant: fc.boolean(),
  rank: fc.integer({ min: 1, max: 256 }),
  targets: fc.constantFrom("all-linear", "attention"),
  lastLayers: fc.constant(null),
  dropout: fc.constantFrom(0, 0.05),
  maxLength: fc.integer({ min: 16, max: 8192 }),
  microBatch: fc.integer({ min: 1, max: 16 }),
  checkpointing: fc.constantFrom("none", "full"),
  loss: fc.constantFrom("naive", "chunked", "liger", "chunked-nll"),
  headShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
  adapterBytes: fc.constantFrom(16, 10, 8, 6),
} satisfies { [Key in keyof GpuTraining]: fc.Arbitrary<GpuTraining[Key]> });

const anyArchitecture = fc.constantFrom(...architectures);

describe("memory of a training step on a GPU", () => {
  it.each(["rank", "maxLength", "microBatch"] as const)("never falls when %s grows", (field) => {
    fc.assert(
      fc.property(anyArchitecture, trainings, fc.integer({ min: 1, max: 64 }), (a, train, more) => {
        const before = gpuMemory(a, train).processBytes;
        expect(gpuMemory(a, { ...train, [field]: train[field] + more }).processBytes).toBeGreaterThanOrEqual(
          before,
        );
      }),
    );
  });

  it.each(["layers", "hidden", "intermediate", "vocabulary"] as const)(
    "grows with the model's %s",
    (field) => {
      fc.assert(
        fc.property(anyArchitecture, trainings, fc.integer({ min: 1, max: 64 }), (a, train, more) => {
          const larger: Architecture = { ...a, [field]: a[field] + more };
          expect(gpuMemory(larger, train).processBytes).toBeGreaterThan(gpuMemory(a, train).processBytes);
        }),
      );
    },
  );

  it("is the sum of its parts, and less in 4 bits than in 16", () => {
    fc.assert(
      fc.property(anyArchitecture, trainings, (a, train) => {
        const { allocatedBytes, breakdown } = gpuMemory(a, train);
        const sum = Object.values(breakdown).reduce((total, part) => total + part, 0);
        expect(Math.abs(sum - allocatedBytes)).toBeLessThan(10);
        const [four, sixteen] = (["qlora", "lora"] as const).map((method) =>
          gpuMemory(a, { ...train, method }),
        );
        expect(four?.breakdown.weights).toBeLessThan(sixteen?.breakdown.weights ?? 0);
      }),
    );
  });

  it("is 5.7 GB of weights for Llama 3.1 8B in double-quantised NF4", () => {
    const { breakdown } = estimate(llama, defaults, null);
    expect(breakdown.weights / 1e9).toBeCloseTo(5.7, 1);
  });
});

const defaults: GpuTraining = {
  method: "qlora",
  doubleQuant: true,
  rank: 16,
  targets: "all-linear",
  lastLayers: null,
  dropout: 0,
  maxLength: 2048,
  microBatch: 1,
  checkpointing: "full",
  loss: "liger",
  headShare: 1,
  adapterBytes: 16,
};

describe("an estimate", () => {
  it("fits a GPU only where the process is below what CUDA sees, and never one without bf16", () => {
    fc.assert(
      fc.property(anyArchitecture, trainings, (a, train) => {
        const { fits, processBytes, gpu } = estimate(a, train, null);
        for (const [id, fit] of Object.entries(fits)) {
          const known = GPUS[id as GpuId];
          if (fit) expect(processBytes).toBeLessThan(known.memoryBytes);
          if (!known.bf16) expect(fit).toBe(false);
        }
        if (gpu !== null) expect(fits[gpu]).toBe(true);
      }),
    );
  });
});

describe("speed", () => {
  it("counts 4 FLOPs for each frozen parameter, and 6 where activations are recomputed", () => {
    const none = stepWork(llama, { ...defaults, checkpointing: "none" }, 2048);
    const full = stepWork(llama, defaults, 2048);
    expect(none.hardwareFlops).toBe(none.modelFlops);
    expect(full.modelFlops).toBe(none.modelFlops);
    expect(none.modelFlops / 7.5e9).toBeGreaterThan(4);
    expect(full.hardwareFlops / none.hardwareFlops).toBeGreaterThan(1.4);
    expect(full.hardwareFlops / none.hardwareFlops).toBeLessThan(1.5);
  });

  it("is a range in order, and never lower on a faster GPU: short rows wait for the host", () => {
    fc.assert(
      fc.property(anyArchitecture, trainings, (a, train) => {
        const [l4, h100] = [GPUS.l4, GPUS["h100-80gb"]].map((gpu) => tokensPerSecond(a, train, gpu));
        expect(l4!.low).toBeLessThan(l4!.expected);
        expect(l4!.expected).toBeLessThan(l4!.high);
        expect(h100!.expected).toBeGreaterThanOrEqual(l4!.expected);
      }),
    );
  });
});

describe("a comparison of bases", () => {
  it("plans every base of the catalog, cheapest first", () => {
    const bases = compareBases(exampleSpec(), exampleFacts.data, INSTANCES, CATALOG);
    expect(bases.map(({ id }) => id).sort()).toEqual(Object.keys(BASE_MODELS).sort());
    const costs = bases.map(({ flight }) => flight.best?.cost.expected ?? Infinity);
    expect(costs).toEqual(costs.toSorted((a, b) => a - b));
  });
});

describe("units", () => {
  it("never mix", () => {
    const takesBytes = (value: Bytes): number => value;
    const takesSeconds = (value: Seconds): number => value;
    takesBytes(bytes(1));
    // @ts-expect-error seconds are no bytes
    takesBytes(seconds(1));
    // @ts-expect-error dollars are no seconds
    takesSeconds(dollars(1));
    // @ts-expect-error a plain number says nothing
    takesBytes(1);
  });
});
