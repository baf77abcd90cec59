import fs from "node:fs";
import { adapterParameters, parameterCount } from "../core/catalog/architecture.ts";
import type { Catalog } from "../core/catalog/base-models.ts";
import { gigabytes } from "../core/plan/text.ts";
import type { FineTunePlan } from "../core/plan/plan.ts";
import type { Problem } from "../core/spec/problems.ts";
import { nearestExisting, type MachineFacts } from "./machine.ts";

/** Can the workspace be written, and does what the plan writes fit? Asked before anything is written. */
export function storageProblems(
  plans: readonly FineTunePlan[],
  workspace: string,
  machine: MachineFacts,
  stackFile: string,
  catalog: Catalog,
): Problem[] {
  const problem = (message: string, hint: string): Problem[] => [
    { file: stackFile, path: "tuneform:workspace", message, hint },
  ];
  const existing = nearestExisting(workspace);
  if (!fs.statSync(existing).isDirectory())
    return problem(`${existing} is a file, not a folder`, "name a folder; it is made if it is not there");
  try {
    fs.accessSync(existing, fs.constants.W_OK);
  } catch {
    return problem(`${existing} is not writable`, "name a folder that this user may write");
  }
  const needed = bytesOf(
    plans.filter((plan) => plan.state !== "reused"),
    catalog,
  );
  if (needed <= machine.freeDiskBytes) return [];
  return problem(
    `the plan writes up to ${gigabytes(needed)}, but ${workspace} has ${gigabytes(machine.freeDiskBytes)} free`,
    "free some space, or set tuneform:workspace to a folder on another disk",
  );
}

const DATA_BYTES = 50e6; // of one fine-tune: its rows, reports and logs, with room

/** Every base once in 16 bit; of each fine-tune three checkpoints (12 bytes a trained parameter), the adapter, and the data. */
function bytesOf(plans: readonly FineTunePlan[], catalog: Catalog): number {
  // Unknown for a base in a folder, which is not copied, and for hub models outside the catalog.
  const architectureOf = (plan: FineTunePlan) => catalog.get(plan.run.base.id)?.architecture;
  const bases = new Map(plans.map((plan) => [plan.run.base.id, architectureOf(plan)]));
  const weights = [...bases.values()].map((a) => (a === undefined ? 0 : 2 * parameterCount(a)));
  const runs = plans.map((plan) => {
    const architecture = architectureOf(plan);
    if (architecture === undefined) return DATA_BYTES;
    const { rank, targets, lastLayers } = plan.run.train;
    return DATA_BYTES + 40 * adapterParameters(architecture, rank, targets, lastLayers);
  });
  return [...weights, ...runs].reduce((sum, bytes) => sum + bytes, 0);
}
