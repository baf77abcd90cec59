import { BUCKET_CLAIM, bucketVolumeName, type AwsPlan } from "../plan/aws-plan.ts";
import type { StackPlan } from "../plan/plan.ts";
import type { Manifest } from "./manifest.ts";
import { clusterOf, metadataOf } from "./names.ts";

export interface Claim extends Manifest {
  kind: "PersistentVolumeClaim";
  spec: {
    accessModes: string[];
    storageClassName: string;
    volumeName?: string;
    resources: { requests: { storage: string } };
  };
}

/**
 * The workspace volume, unless the stack names a claim that is there already. The class is always named: an
 * unnamed one that binds at the first pod would be waited for before there is a pod.
 */
export function volumeManifests(plan: StackPlan): Claim[] {
  const { workspaceClaim, claim, accessMode, storageClass, workspaceSize } = clusterOf(plan);
  const bucket = plan.aws === null ? [] : [bucketClaim(plan, plan.aws)];
  if (workspaceClaim !== null || storageClass === null) return bucket;
  return [
    claimOf(plan, claim, { accessModes: [accessMode], storageClassName: storageClass }, workspaceSize),
    ...bucket,
  ];
}

/** Of the volume that components/aws makes of the bucket; a class would make another one. */
const bucketClaim = (plan: StackPlan, aws: AwsPlan): Claim =>
  claimOf(
    plan,
    BUCKET_CLAIM,
    { accessModes: ["ReadWriteMany"], storageClassName: "", volumeName: bucketVolumeName(aws) },
    "1Ti",
  );

const claimOf = (
  plan: StackPlan,
  name: string,
  spec: Omit<Claim["spec"], "resources">,
  storage: string,
): Claim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: metadataOf(plan, name),
  spec: { ...spec, resources: { requests: { storage } } },
});
