import { dump } from "js-yaml";
import type { StackPlan } from "../plan/plan.ts";
import type { Manifest } from "./manifest.ts";
import { clusterOf, names } from "./names.ts";

/** A file that `render` writes. */
export interface RenderedFile {
  /** Without a folder. */
  file: string;
  text: string;
  /** Of the object in it; null for instructions. */
  kind: string | null;
  name: string;
}

/** `NN-kind-name.yaml`, in order; the same objects make the same bytes. */
export function renderFiles(manifests: readonly Manifest[]): RenderedFile[] {
  const width = Math.max(2, String(manifests.length - 1).length);
  return manifests.map((manifest, index): RenderedFile => {
    const { kind, metadata } = manifest;
    const number = String(index).padStart(width, "0");
    return {
      file: `${number}-${kind.toLowerCase()}-${metadata.name}.yaml`,
      text: dump(manifest, { lineWidth: 110, noRefs: true }),
      kind,
      name: metadata.name,
    };
  });
}

/**
 * How to make the Secrets of the data by hand: rows may be personal and do not belong into a repository.
 * `shown`: path of a data file for people, by its sha256; `counts`: Secrets of each.
 */
export function dataInstructions(
  plan: StackPlan,
  shown: Record<string, string>,
  counts: Record<string, number>,
): RenderedFile[] {
  const { namespace } = clusterOf(plan);
  return plan.fineTunes.map(({ name, run }): RenderedFile => {
    const files = [...new Set(run.data.sources.map(({ sha256 }) => sha256))];
    const commands = files.flatMap((sha256) => [
      `gzip -9nc ${shown[sha256]} | split -b 900000 -d -a 3 - ${sha256.slice(0, 12)}-`,
      ...Array.from({ length: counts[sha256] ?? 0 }, (_, index) => {
        const part = `${sha256.slice(0, 12)}-${String(index).padStart(3, "0")}`;
        return `kubectl -n ${namespace} create secret generic ${names.data(name, sha256, index)} --from-file=part=${part}`;
      }),
    ]);
    const title = `# The rows of ${name} as Secrets; \`tuneform render --with-data\` writes them as YAML.`;
    return { file: `data-${name}.txt`, text: `${[title, ...commands].join("\n")}\n`, kind: null, name };
  });
}
