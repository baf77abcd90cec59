import { adapterParameters, parameterCount } from "../core/catalog/base-models.ts";
import { baseModel } from "../core/catalog/base-models.ts";
import type { FineTunePlan } from "../core/plan/plan.ts";
import type { Problem } from "../core/spec/problems.ts";
import type { MachineFacts } from "./machine.ts";

/** Does what the plan writes fit on the disk? Asked before anything is written. */
export function storageProblems(
  plans: readonly FineTunePlan[],
  workspace: string,
  machine: MachineFacts,
  stackFile: string,
): Problem[] {
  const needed = plans
    .filter((plan) => plan.state !== "reused")
    .reduce((sum, plan) => sum + bytesOf(plan), 0);
  if (needed <= machine.freeDiskBytes) return [];
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  return [
    {
      file: stackFile,
      path: "tuneform:workspace",
      message: `the plan writes up to ${gigabytes(needed)}, but ${workspace} has ${gigabytes(machine.freeDiskBytes)} free`,
      hint: "free some space, or set tuneform:workspace to a folder on another disk",
    },
  ];
}

/** Base weights in 16 bit, three checkpoints (12 bytes a trained parameter), the adapter, and the data. */
function bytesOf(plan: FineTunePlan): number {
  const architecture = baseModel(plan.run.base.id)?.architecture;
  const data = 50e6;
  if (architecture === undefined) return data;
  const { rank, targets, lastLayers } = plan.run.train;
  return (
    2 * parameterCount(architecture) + 40 * adapterParameters(architecture, rank, targets, lastLayers) + data
  );
}
