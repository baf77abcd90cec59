import type { FineTunePlan, StackPlan } from "../plan/plan.ts";
import type { Secret, Volume } from "./manifest.ts";
import { clusterOf, metadataOf, names } from "./names.ts";

/** Pieces of a compressed data file, base64, by the sha256 of the file. One becomes one Secret. */
export type DataParts = Record<string, string[]>;

/** Key of the only value of a data Secret. */
const KEY = "part";

interface Part {
  sha256: string;
  index: number;
  name: string;
  content: string;
}

/**
 * Pieces of a fine-tune's own files, each file once. Fine-tunes that share a file have a copy each, so that
 * removing one leaves the other's. Throws Error for a file that nobody read.
 */
function partsOf(plan: StackPlan, { name, run }: FineTunePlan, parts: DataParts): Part[] {
  const { bucketKeys } = clusterOf(plan);
  const files = [...new Set(run.data.sources.map(({ sha256 }) => sha256))].filter(
    (sha256) => !(sha256 in bucketKeys),
  );
  return files.flatMap((sha256) => {
    const contents = parts[sha256];
    if (contents === undefined) throw new Error(`no parts of data file ${sha256}`);
    return contents.map((content, index) => ({
      sha256,
      index,
      name: names.data(name, sha256, index),
      content,
    }));
  });
}

/** Data as Secrets: rows may be personal, and Secrets are what clusters encrypt and guard. */
export function dataSecrets(plan: StackPlan, fineTune: FineTunePlan, parts: DataParts): Secret[] {
  return partsOf(plan, fineTune, parts).map(({ name, content }) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf(plan, name, { "tuneform.dev/fine-tune": fineTune.name }),
    type: "Opaque",
    immutable: true,
    data: { [KEY]: content },
  }));
}

/** All pieces in one folder: `<sha256>/<3-digit index>`, as the trainer's `stage` reads them. */
export function dataVolume(plan: StackPlan, fineTune: FineTunePlan, parts: DataParts): Volume {
  const sources = partsOf(plan, fineTune, parts).map(({ name, sha256, index }) => ({
    secret: { name, items: [{ key: KEY, path: `${sha256}/${String(index).padStart(3, "0")}` }] },
  }));
  return { name: "parts", projected: { sources } };
}
