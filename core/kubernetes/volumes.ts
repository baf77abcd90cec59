import type { StackPlan } from "../plan/plan.ts";
import type { Manifest } from "./manifest.ts";
import { clusterOf, metadataOf } from "./names.ts";

export interface Claim extends Manifest {
  kind: "PersistentVolumeClaim";
  spec: {
    accessModes: string[];
    storageClassName: string;
    resources: { requests: { storage: string } };
  };
}

/**
 * The workspace volume, unless the stack names a claim that is there already. The class is always named: an
 * unnamed one that binds at the first pod would be waited for before there is a pod.
 */
export function volumeManifests(plan: StackPlan): Claim[] {
  const { workspaceClaim, claim, accessMode, storageClass, workspaceSize } = clusterOf(plan);
  if (workspaceClaim !== null || storageClass === null) return [];
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: metadataOf(plan, claim),
      spec: {
        accessModes: [accessMode],
        storageClassName: storageClass,
        resources: { requests: { storage: workspaceSize } },
      },
    },
  ];
}
