import type { BaseModel } from "../base-model.ts";

/** Stability AI's models. Their norms have a bias: four times the width a layer. */
export const STABLELM = {
  "stablelm-2-1.6b": {
    hubId: "stabilityai/stablelm-2-1_6b-chat",
    revision: null,
    architecture: {
      layers: 24,
      hidden: 2048,
      heads: 32,
      keyValueHeads: 32,
      headDim: 64,
      intermediate: 5632,
      vocabulary: 100352,
      tiedHead: false,
      attentionBias: true,
      normsPerLayer: 4,
    },
    publishedParameters: 1_644_417_024,
    licence: "Stability AI Community",
    licenceLimits: "commercial use needs a membership, free below a revenue limit",
    gated: false,
    context: 4096,
    bestFor: "small devices",
    template: "ChatML-like; vLLM has no LoRA for it, weights are merged before serving",
    vllmLora: false,
  },
} satisfies Record<string, BaseModel>;
