import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { adapterParameters, parameterCount } from "../../core/catalog/architecture.ts";
import { BASE_MODELS, CATALOG, type BaseModel } from "../../core/catalog/base-models.ts";
import { GPUS } from "../../core/catalog/gpus.ts";
import { gpuOf, INSTANCES, SPOT_DISCOUNT } from "../../core/catalog/instances.ts";
import { clashOf } from "../../core/spec/catalog-file.ts";

const families = path.resolve(import.meta.dirname, "../../core/catalog/base-models");

describe("the catalog of base models", () => {
  it.each([...CATALOG])(
    "%s: parameters from its architecture are the published ones within 0.5 %%",
    (_id, { architecture, publishedParameters }) => {
      expect(publishedParameters).not.toBeNull();
      expect(Math.abs(parameterCount(architecture) / publishedParameters! - 1)).toBeLessThan(0.005);
    },
  );

  it.each([...CATALOG])(
    "%s: has weights that are pinned, or says that it has none",
    (_id, { revision, package: file }) => {
      if (revision !== null) expect(revision).toMatch(/^[0-9a-f]{40}$/);
      if (file !== undefined) expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it.each([...CATALOG])("%s: leaves nothing unknown that people choose by", (_id, entry) => {
    expect(entry.hubId).toMatch(/^[\w.-]+\/[\w.-]+$/);
    expect(entry.licence).toMatch(/\w/);
    expect(entry.gated).not.toBeNull();
    expect(entry.vllmLora).not.toBeNull();
    expect(entry.bestFor).toMatch(/\w/);
    expect(entry.template).toMatch(/\w/);
  });

  it("has every entry of every family file, under an id and a hub name of its own", async () => {
    const entries: [string, BaseModel][] = [];
    for (const file of fs.readdirSync(families)) {
      const exported = Object.values((await import(path.join(families, file))) as Record<string, unknown>);
      for (const family of exported) entries.push(...Object.entries(family as Record<string, BaseModel>));
    }
    expect(entries.map(([id]) => id).sort()).toEqual([...CATALOG.keys()].sort());
    expect(new Set(entries.map(([, { hubId }]) => hubId)).size).toBe(entries.length);
    for (const [id] of entries) expect(clashOf(id)).toBe(id);
  });

  it("counts a LoRA of rank 16 on Llama 3.1 8B as 41.9 million parameters", () => {
    expect(adapterParameters(BASE_MODELS["llama-3.1-8b"].architecture, 16, "all-linear", null)).toBeCloseTo(
      41.9e6,
      -5,
    );
  });

  // Trainable parameters as training logs in public repositories show them.
  it.each([
    ["qwen-3-4b", 33_030_144],
    ["qwen-3-8b", 43_646_976],
  ] as const)("counts a LoRA of rank 16 on %s as published", (id, parameters) => {
    expect(adapterParameters(BASE_MODELS[id].architecture, 16, "all-linear", null)).toBe(parameters);
  });

  it("counts a LoRA of the fused matrices of Phi-4-mini as published: 11,534,336 at rank 8", () => {
    expect(adapterParameters(BASE_MODELS["phi-4-mini"].architecture, 8, "all-linear", null)).toBe(11_534_336);
  });
});

describe("the catalog of GPUs and instances", () => {
  it("has the memory that CUDA sees, not the marketing figure", () => {
    expect(GPUS.a10g.memoryBytes).toBeLessThan(24e9);
    expect(GPUS.l40s.memoryBytes).toBe(45776 * 2 ** 20);
  });

  it("knows that a T4 has no bf16", () => {
    expect(INSTANCES.filter((instance) => !gpuOf(instance).bf16).map(({ gpu }) => gpu)).toEqual(
      expect.arrayContaining(["t4", "t4g"]),
    );
  });

  it.each(INSTANCES.map((instance) => [instance.type, instance] as const))("%s: is whole", (_type, i) => {
    expect(i.usdPerHour === null || i.usdPerHour > 0).toBe(true);
    expect(i.priceDate).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(i.vcpu * i.memoryGib * i.count).toBeGreaterThan(0);
    for (const zone of i.zones) expect(zone).toMatch(/^use1-az[1-6]$/);
    // Spot is a share of the price on demand: without one there is nothing to tell.
    if (i.usdPerHour === null) expect(i.spot).toBe(false);
  });

  it("gives the spot discount as a range", () => {
    expect(SPOT_DISCOUNT.low).toBeLessThan(SPOT_DISCOUNT.expected);
    expect(SPOT_DISCOUNT.expected).toBeLessThan(SPOT_DISCOUNT.high);
  });
});
