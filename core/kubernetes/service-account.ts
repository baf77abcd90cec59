import type { StackPlan } from "../plan/plan.ts";
import type { Manifest } from "./manifest.ts";
import { metadataOf } from "./names.ts";

export interface ServiceAccount extends Manifest {
  kind: "ServiceAccount";
  automountServiceAccountToken: false;
}

/** An account whose token no pod finds unless it mounts it by itself. */
export const serviceAccountOf = (
  plan: StackPlan,
  name: string,
  labels: Record<string, string>,
): ServiceAccount => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: metadataOf(plan, name, labels),
  automountServiceAccountToken: false,
});
