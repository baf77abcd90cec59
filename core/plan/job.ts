import type { Architecture } from "../catalog/architecture.ts";
import type { GpuTraining } from "./gpu-memory.ts";

/** A training as declared, before a GPU is chosen. Tokens are estimated from characters. */
export interface Job {
  architecture: Architecture;
  method: "auto" | "lora" | "qlora";
  rank: number;
  targets: GpuTraining["targets"];
  lastLayers: number | null;
  dropout: number;
  effectiveBatch: number;
  /** Of one epoch. */
  trainTokens: number;
  epochs: number;
  /** Mean of a row, after truncation. */
  rowTokens: number;
  /** Longest row after truncation: what has to fit. */
  longestRowTokens: number;
  longestAnswerTokens: number;
  testRows: number;
  testTokens: number;
  /** Tokens that are generated for a test row. */
  newTokens: number;
}

/** Of the whole job; null: none. */
export interface Limits {
  /** US dollars. */
  maxUsd: number | null;
  maxHours: number | null;
}
