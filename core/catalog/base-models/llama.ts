import type { BaseModel } from "../base-model.ts";

const LIMITS = "above 700 million monthly users Meta has to agree; names of derived models begin with Llama";
/** Of Llama 3.2: rendered on another day, the same row has other tokens. */
const DATED = "always a system header with dates, the second of them today's unless date_string is given";

/** Meta's models. */
export const LLAMA = {
  "llama-3.1-8b": {
    hubId: "meta-llama/Llama-3.1-8B-Instruct",
    revision: "0e9e39f249a16976918f6564b8830bc894c89659",
    architecture: {
      layers: 32,
      hidden: 4096,
      heads: 32,
      keyValueHeads: 8,
      headDim: 128,
      intermediate: 14336,
      vocabulary: 128256,
      tiedHead: false,
    },
    publishedParameters: 8_030_261_248,
    licence: "Llama 3.1 Community",
    licenceLimits: LIMITS,
    gated: true,
    context: 131072,
    bestFor: "long context, instructions",
    template: "always a system header with dates",
    vllmLora: true,
  },
  "llama-3.2-1b": {
    hubId: "meta-llama/Llama-3.2-1B-Instruct",
    revision: "9213176726f574b556790deb65791e0c5aa438b6",
    architecture: {
      layers: 16,
      hidden: 2048,
      heads: 32,
      keyValueHeads: 8,
      headDim: 64,
      intermediate: 8192,
      vocabulary: 128256,
      tiedHead: true,
    },
    publishedParameters: 1_235_814_400,
    licence: "Llama 3.2 Community",
    licenceLimits: LIMITS,
    gated: true,
    context: 131072,
    bestFor: "classification and rewriting at low latency",
    template: DATED,
    vllmLora: true,
  },
  "llama-3.2-3b": {
    hubId: "meta-llama/Llama-3.2-3B-Instruct",
    revision: "0cb88a4f764b7a12671c53f0838cd831a0843b95",
    architecture: {
      layers: 28,
      hidden: 3072,
      heads: 24,
      keyValueHeads: 8,
      headDim: 128,
      intermediate: 8192,
      vocabulary: 128256,
      tiedHead: true,
    },
    publishedParameters: 3_212_749_824,
    licence: "Llama 3.2 Community",
    licenceLimits: LIMITS,
    gated: true,
    context: 131072,
    bestFor: "summaries and tool calls on one small GPU",
    template: DATED,
    vllmLora: true,
  },
} satisfies Record<string, BaseModel>;
