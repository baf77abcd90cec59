import { describe, expect, it } from "vitest";
import { adapterParameters, parameterCount } from "../../core/catalog/architecture.ts";
import { BASE_MODELS, type BaseModel } from "../../core/catalog/base-models.ts";

describe("the catalog of base models", () => {
  it.each(Object.entries<BaseModel>(BASE_MODELS))(
    "%s: parameters from its architecture are the published ones within 0.5 %%",
    (_id, entry) => {
      const counted = parameterCount(entry.architecture);
      expect(Math.abs(counted / entry.publishedParameters - 1)).toBeLessThan(0.005);
    },
  );

  it.each(Object.entries<BaseModel>(BASE_MODELS))(
    "%s: has weights that are pinned, or says that it has none",
    (_id, entry) => {
      if (entry.revision !== null) expect(entry.revision).toMatch(/^[0-9a-f]{40}$/);
      if (entry.package !== undefined) expect(entry.package.sha256).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it("counts a LoRA of rank 16 on Llama 3.1 8B as 41.9 million parameters", () => {
    expect(adapterParameters(BASE_MODELS["llama-3.1-8b"].architecture, 16, "all-linear", null)).toBeCloseTo(
      41.9e6,
      -5,
    );
  });
});
