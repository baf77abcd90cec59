import { createHash } from "node:crypto";
import type { Base, RunFile } from "../spec/run-file.ts";

/** Part of every run id: raised when the trainer makes a different adapter from the same declaration. */
export const TRAINER_VERSION = "1";

/** JSON with sorted keys: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

type DataSettings = Omit<RunFile["data"], "digest">;

/** Over the bytes of the sources and all that decides which rows land where; paths do not count. */
export const rowsDigest = (data: DataSettings): string => digestOf(rowsIdentity(data));

/** What `rowsDigest` is taken over. */
export function rowsIdentity(data: DataSettings) {
  const { sources, format, fields, systemPrompt, labels, split, maxRows } = data;
  const identities = sources.map(({ sha256, split }) => ({ sha256, split }));
  return { sources: identities, format, fields, systemPrompt, labels, split, maxRows };
}

/**
 * Names datasets/<digest>/: rows that passed the data firewall under these thresholds. Stricter ones have
 * to look at the same rows again, which is why this is more than `rowsDigest`.
 */
export function dataDigest(data: DataSettings): string {
  return digestOf({ rows: rowsDigest(data), thresholds: data.thresholds });
}

/** What the weights are, wherever they lie. */
export function baseIdentity({ weights, hubId, revision }: Base): object {
  switch (weights.kind) {
    case "hub":
      return { hubId, revision };
    case "package":
      return { package: weights.package, version: weights.version, sha256: weights.sha256 };
    case "folder":
      return { digest: weights.digest };
  }
}

/**
 * 12 hex digits that name a run: base weights, rows (`rowsDigest`), training settings, trainer version. What
 * does not change the adapter is left out: names, thresholds, gate, evaluation, how a batch is cut into
 * micro-batches, how often a checkpoint is written (docs/decisions/001-run-id.md).
 */
export function runIdOf(base: Base, rows: string, train: RunFile["train"]): string {
  const identity = {
    trainer: TRAINER_VERSION,
    base: baseIdentity(base),
    data: rows,
    train: trainIdentity(train),
  };
  return digestOf(identity).slice(0, 12);
}

/** The training settings that a run id is taken over. */
export function trainIdentity(train: RunFile["train"]) {
  const {
    microBatch,
    gradientAccumulation,
    gradientCheckpointing: _c,
    checkpointEverySteps: _e,
    reportTo: _r,
    ...settings
  } = train;
  return { ...settings, effectiveBatch: microBatch * gradientAccumulation };
}

/** Over what judges a run, its data or its adapter: a change judges again and never retrains. */
export const evaluationDigestOf = (run: RunFile): string => digestOf(evaluationIdentity(run)).slice(0, 12);

/** What `evaluationDigestOf` is taken over: merged weights are others than the base's with an adapter beside them. */
export const evaluationIdentity = ({ data, evaluate, gate, serve }: RunFile) => ({
  thresholds: data.thresholds,
  evaluate,
  gate,
  ...(serve.weights === "merged" ? { weights: serve.weights } : {}),
});
