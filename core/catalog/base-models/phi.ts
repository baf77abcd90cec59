import type { BaseModel } from "../base-model.ts";

const TEMPLATE = "fused qkv_proj and gate_up_proj; turns end with <|end|>";

/** Microsoft's models. Phi-4-mini turns three quarters of each head by position: no weights differ. */
export const PHI = {
  "phi-3-mini": {
    hubId: "microsoft/Phi-3-mini-4k-instruct",
    revision: "f39ac1d28e925b323eae81227eaba4464caced4e",
    architecture: {
      layers: 32,
      hidden: 3072,
      heads: 32,
      keyValueHeads: 32,
      headDim: 96,
      intermediate: 8192,
      vocabulary: 32064,
      tiedHead: false,
      isFused: true,
    },
    publishedParameters: 3_821_079_552,
    licence: "MIT",
    gated: false,
    context: 4096,
    bestFor: "reasoning at a small size",
    template: TEMPLATE,
    vllmLora: true,
  },
  "phi-4-mini": {
    hubId: "microsoft/Phi-4-mini-instruct",
    revision: "cfbefacb99257ffa30c83adab238a50856ac3083",
    architecture: {
      layers: 32,
      hidden: 3072,
      heads: 24,
      keyValueHeads: 8,
      headDim: 128,
      intermediate: 8192,
      vocabulary: 200064,
      tiedHead: true,
      isFused: true,
    },
    publishedParameters: 3_836_021_760,
    licence: "MIT",
    gated: false,
    context: 131072,
    bestFor: "reasoning and mathematics, long context",
    template: TEMPLATE,
    vllmLora: true,
  },
} satisfies Record<string, BaseModel>;
