import type { Base } from "../spec/run-file.ts";
import { PREFIXES } from "./aws-plan.ts";

/** Where pods of a stack on AWS mount its bucket. */
export const BUCKET = "/bucket";

/** An object or folder of the bucket as pods see it. */
export const inBucket = (key: string): string => `${BUCKET}/${key}`;

/** Folder of a published adapter: where the trainer's export.py puts it. */
export const adapterKey = (fineTune: string, runId: string): string =>
  `${PREFIXES.adapters}/${fineTune}/${runId}/adapter`;

/**
 * A base as pods see it that read it from the bucket: a folder that a person put below `models/`, under a name that
 * says what is in it. Bases from elsewhere are where they are on any cluster.
 */
export function baseInBucket(base: Base): Base {
  if (base.weights.kind !== "folder") return base;
  const path = inBucket(`${PREFIXES.models}/${base.weights.digest.slice(0, 12)}`);
  return { ...base, weights: { ...base.weights, path } };
}

/** Folder of a planned base in the bucket; null where its weights lie elsewhere. */
export function baseKeyOf({ weights }: Base): string | null {
  const start = inBucket(`${PREFIXES.models}/`);
  if (weights.kind !== "folder" || !weights.path.startsWith(start)) return null;
  return weights.path.slice(BUCKET.length + 1);
}
