import type { Manifest } from "../kubernetes/manifest.ts";
import type { AwsPlan } from "../plan/aws-plan.ts";
import { networkPolicySwitch } from "./auto-mode.ts";
import { bucketVolume } from "./bucket-volume.ts";
import { autoscalerManifests } from "./cluster-autoscaler.ts";
import { karpenterManifests, type NodeFacts } from "./karpenter.ts";
import { storageClasses } from "./storage-classes.ts";

/** What only AWS knows of a stack. `Text`: a string, or one that is still to be answered. */
export interface AwsFacts<Text = string> extends NodeFacts<Text> {
  fileSystemId: Text;
  bucket: Text;
}

/** What the cluster has to know of AWS: classes of volumes, the bucket as one, and pools that it makes itself. */
export const clusterObjects = <Text>(plan: AwsPlan, facts: AwsFacts<Text>): Manifest[] => [
  ...storageClasses(plan, facts.fileSystemId),
  bucketVolume(plan, facts.bucket),
  // Of node groups each pool is a component of its own.
  ...(plan.gpu.nodes === "node-groups"
    ? []
    : plan.pools.flatMap((pool) => karpenterManifests(plan, pool, facts))),
  ...(plan.gpu.nodes === "auto-mode" && plan.cluster.existing === null ? [networkPolicySwitch()] : []),
];

/** Objects that `up` declares and `render` leaves out: each names what AWS makes, or stands on a role there. */
export function unrenderedObjects(plan: AwsPlan): string[] {
  const { autoscalerImage } = plan.cluster;
  const autoscaler =
    plan.gpu.nodes === "node-groups" && autoscalerImage !== null
      ? autoscalerManifests(plan, autoscalerImage)
      : [];
  const facts = { fileSystemId: "", bucket: "", nodeRoleName: "", subnetIds: [] };
  return [...clusterObjects(plan, facts), ...autoscaler].map(
    ({ kind, metadata }) => `${kind} ${metadata.name}`,
  );
}
