import type { BaseModel } from "../base-model.ts";

const GEMMA_LICENCE = {
  licence: "Gemma",
  licenceLimits: "Google's prohibited uses have to be passed on to users",
  gated: true,
} as const;
const TEMPLATE = "no system role: it is folded into the first user turn; roles alternate";

/**
 * Google's models: four norms a layer, and layers that see a window between those that see all. Gemma 3
 * has norms over q and k besides; from 4B on it looks at pictures, through a SigLIP tower of 416,866,032
 * parameters and a projector that text never passes.
 */
export const GEMMA = {
  "gemma-2-9b": {
    hubId: "google/gemma-2-9b-it",
    revision: "11c9b309abf73637e4b6f9a3fa1e92e615547819",
    architecture: {
      layers: 42,
      hidden: 3584,
      heads: 16,
      keyValueHeads: 8,
      headDim: 256,
      intermediate: 14336,
      vocabulary: 256000,
      tiedHead: true,
      normsPerLayer: 4,
      slidingWindow: { tokens: 4096, fullEvery: 2 },
    },
    publishedParameters: 9_241_705_984,
    ...GEMMA_LICENCE,
    context: 8192,
    bestFor: "several languages, writing",
    template: TEMPLATE,
    vllmLora: true,
  },
  "gemma-3-1b": {
    hubId: "google/gemma-3-1b-it",
    revision: "dcc83ea841ab6100d6b47a070329e1ba4cf78752",
    architecture: {
      layers: 26,
      hidden: 1152,
      heads: 4,
      keyValueHeads: 1,
      headDim: 256,
      intermediate: 6912,
      vocabulary: 262144,
      tiedHead: true,
      normsPerLayer: 4,
      headNorms: true,
      slidingWindow: { tokens: 512, fullEvery: 6 },
    },
    publishedParameters: 999_885_952,
    ...GEMMA_LICENCE,
    context: 32768,
    bestFor: "short answers on phones and CPUs",
    template: TEMPLATE,
    vllmLora: true,
  },
  "gemma-3-4b": {
    hubId: "google/gemma-3-4b-it",
    revision: "093f9f388b31de276ce2de164bdc2081324b9767",
    architecture: {
      layers: 34,
      hidden: 2560,
      heads: 8,
      keyValueHeads: 4,
      headDim: 256,
      intermediate: 10240,
      vocabulary: 262208,
      tiedHead: true,
      normsPerLayer: 4,
      headNorms: true,
      visionParameters: 419_816_304,
      slidingWindow: { tokens: 1024, fullEvery: 6 },
    },
    publishedParameters: 4_300_079_472,
    ...GEMMA_LICENCE,
    context: 131072,
    bestFor: "140 languages, long context",
    template: TEMPLATE,
    vllmLora: true,
  },
  "gemma-3-12b": {
    hubId: "google/gemma-3-12b-it",
    revision: "96b6f1eccf38110c56df3a15bffe176da04bfd80",
    architecture: {
      layers: 48,
      hidden: 3840,
      heads: 16,
      keyValueHeads: 8,
      headDim: 256,
      intermediate: 15360,
      vocabulary: 262208,
      tiedHead: true,
      normsPerLayer: 4,
      headNorms: true,
      visionParameters: 421_290_864,
      slidingWindow: { tokens: 1024, fullEvery: 6 },
    },
    publishedParameters: 12_187_325_040,
    ...GEMMA_LICENCE,
    context: 131072,
    bestFor: "writing in 140 languages, long context",
    template: TEMPLATE,
    vllmLora: true,
  },
} satisfies Record<string, BaseModel>;
