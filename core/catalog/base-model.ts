import type { Architecture } from "./architecture.ts";

/**
 * What Tuneform knows of a base model.
 *
 * `null` says that it is not known. Only entries of a user's own catalog file have unknown licences; the
 * entries of Tuneform may lack a revision.
 */
export interface BaseModel {
  /** owner/name on the Hugging Face hub. */
  hubId: string;
  /** Commit hash of 40 hex digits. */
  revision: string | null;
  /** Weights inside a Python package, for machines without a hub. */
  package?: { package: string; version: string; file: string; sha256: string };
  architecture: Architecture;
  /** As published on the model card or counted from its weights; a tied head counts once. */
  publishedParameters: number | null;
  licence: string | null;
  /** What commercial users have to know of it; absent where nothing. */
  licenceLimits?: string;
  /** The licence has to be accepted on the hub before weights can be had. */
  gated: boolean | null;
  /** Tokens: `max_position_embeddings`, without scaling that has to be switched on. */
  context: number;
  bestFor: string;
  /** What is unusual in the chat template. */
  template: string;
  /** vLLM serves adapters of it; else they are merged before serving. */
  vllmLora: boolean | null;
}
