import type { Base } from "../spec/run-file.ts";

/** Where pods mount the workspace volume. */
export const VOLUME = "/workspace";
/** TUNEFORM_CACHE of pods; the trainer keeps base models under models/. */
export const CACHE = `${VOLUME}/cache`;
/** HF_HOME of pods. */
export const HUB_HOME = `${CACHE}/hub`;

/** Where `stage` puts a data file. */
export const sourcePath = (sha256: string): string => `${VOLUME}/sources/${sha256}`;

/** A base as pods see it: a folder has to be copied to the volume, under a name that says what is in it. */
export function baseOnVolume(base: Base): Base {
  if (base.weights.kind !== "folder") return base;
  const path = `${VOLUME}/bases/${base.weights.digest.slice(0, 12)}`;
  return { ...base, weights: { ...base.weights, path } };
}

/** Folder of the weights in Hugging Face layout: where the trainer's base.py and huggingface_hub put them. */
export function weightsFolder({ id, hubId, revision, weights }: Base): string {
  switch (weights.kind) {
    case "folder":
      return weights.path;
    case "package":
      return `${CACHE}/models/${id}-${weights.sha256.slice(0, 12)}`;
    case "hub":
      return `${HUB_HOME}/hub/models--${(hubId ?? id).replaceAll("/", "--")}/snapshots/${revision ?? "main"}`;
  }
}

/** Folder of a published adapter. */
export const adapterFolder = (runId: string): string => `${VOLUME}/runs/${runId}/adapter`;
/** Folder of the weights that have it in them. */
export const mergedFolder = (runId: string): string => `${VOLUME}/runs/${runId}/merged`;
