import fs from "node:fs";
import type { StackPlan } from "../core/plan/plan.ts";
import { InvalidInput } from "../core/spec/problems.ts";

/** The plan in a file that `plan --json` wrote, or null where it holds `null`. Throws InvalidInput. */
export function readFormerPlan(file: string): StackPlan | null {
  let value: unknown;
  try {
    value = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (error) {
    throw new InvalidInput([
      { file, message: `cannot be read as JSON: ${(error as Error).message}`, hint: HINT },
    ]);
  }
  if (value === null || isStackPlan(value)) return value;
  throw new InvalidInput([{ file, message: "is not a plan of this version", hint: HINT }]);
}

const HINT = "write it with `tuneform plan --json` at the base commit; `null` where it has no plan";

/** A plan that this version can compare with. */
export function isStackPlan(value: unknown): value is StackPlan {
  const plan = value as Partial<StackPlan> | null;
  return plan?.schemaVersion === 1 && Array.isArray(plan.fineTunes) && Array.isArray(plan.servers);
}
