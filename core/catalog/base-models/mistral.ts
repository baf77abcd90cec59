import type { BaseModel } from "../base-model.ts";

/** Mistral AI's models. */
export const MISTRAL = {
  "mistral-7b-v0.3": {
    hubId: "mistralai/Mistral-7B-Instruct-v0.3",
    revision: "c170c708c41dac9275d15a8fff4eca08d52bab71",
    architecture: {
      layers: 32,
      hidden: 4096,
      heads: 32,
      keyValueHeads: 8,
      headDim: 128,
      intermediate: 14336,
      vocabulary: 32768,
      tiedHead: false,
    },
    publishedParameters: 7_248_023_552,
    licence: "Apache-2.0",
    gated: false,
    context: 32768,
    bestFor: "general purpose, function calls",
    template: "system is merged into a user turn; roles alternate",
    vllmLora: true,
  },
} satisfies Record<string, BaseModel>;
