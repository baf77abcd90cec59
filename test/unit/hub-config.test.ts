import { describe, expect, it } from "vitest";
import { BASE_MODELS, type BaseModel } from "../../core/catalog/base-models.ts";
import { fromHubConfig, type HubModel } from "../../core/catalog/hub-config.ts";
import { CONFIGS } from "./hub-configs.ts";

const smollm2 = CONFIGS["smollm2-360m"]!;

describe("a config.json", () => {
  it.each(Object.entries(CONFIGS))("of %s gives the architecture that the catalog has", (id, config) => {
    const known = (BASE_MODELS as Record<string, BaseModel>)[id]!;
    const { architecture, context, isKnownFamily } = fromHubConfig(config) as HubModel;
    expect(architecture).toEqual(known.architecture);
    expect(context).toBe(known.context);
    expect(isKnownFamily).toBe(true);
  });

  it("that lists its layers gives the window between those that see all", () => {
    const config = {
      ...CONFIGS["gemma-3-1b"],
      sliding_window_pattern: null,
      layer_types: ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
    };
    expect(fromHubConfig(config)).toMatchObject({ architecture: { slidingWindow: { fullEvery: 3 } } });
  });

  it.each([
    ["experts beside each other", { ...smollm2, num_local_experts: 8 }, ["num_local_experts"]],

    [
      "heads that do not divide its width",
      { ...smollm2, num_attention_heads: 7 },
      ["hidden_size", "num_attention_heads"],
    ],
    ["more groups than heads", { ...smollm2, num_key_value_heads: 4 }, ["num_key_value_heads"]],
    ["nothing", null, expect.arrayContaining(["vocab_size"]) as string[]],
  ])("with %s is refused with the keys that are wrong", (_what, config, faults) => {
    expect(fromHubConfig(config)).toEqual({ faults });
  });

  it.each([
    ["another family", { ...smollm2, model_type: "gpt_oddity" }],
    ["pictures that are seen in another way", { ...smollm2, vision_config: { depth: 3 } }],
  ])("of %s is counted with a doubt", (_what, config) => {
    expect(fromHubConfig(config)).toMatchObject({ isKnownFamily: false });
  });
});
