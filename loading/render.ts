import path from "node:path";
import { dataInstructions, renderFiles, type RenderedFile } from "../core/kubernetes/render.ts";
import { stackManifests } from "../core/kubernetes/stack-manifests.ts";
import type { StackPlan } from "../core/plan/plan.ts";
import { readDataParts } from "./data-parts.ts";
import { readDevicePlugin } from "./device-plugin.ts";

/**
 * A kubernetes stack as files. `root`: absolute path of the project. Rows may be personal and rendered files
 * end up in repositories: without `withData` there are commands that make the Secrets instead.
 */
export function renderStack(plan: StackPlan, root: string, withData: boolean): RenderedFile[] {
  const { dataFiles = {} } = plan.kubernetes ?? {};
  const parts = readDataParts(dataFiles);
  const manifests = stackManifests(plan, parts, readDevicePlugin(root));
  if (withData) return renderFiles(manifests);
  const shown = mapValues(dataFiles, (file) => path.relative(root, file));
  const counts = mapValues(parts, (list) => list.length);
  return [
    ...renderFiles(manifests.filter(({ kind }) => kind !== "Secret")),
    ...dataInstructions(plan, shown, counts),
  ];
}

const mapValues = <From, To>(record: Record<string, From>, of: (value: From) => To): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]));
