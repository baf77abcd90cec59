import type { Manifest } from "../kubernetes/manifest.ts";
import { USER } from "../kubernetes/pod.ts";
import { storageClassNames, type AwsPlan } from "../plan/aws-plan.ts";

interface StorageClass<Text> extends Manifest {
  kind: "StorageClass";
  provisioner: string;
  parameters: Record<string, string | Text>;
  reclaimPolicy: "Retain" | "Delete";
  volumeBindingMode: "Immediate" | "WaitForFirstConsumer";
  allowVolumeExpansion: boolean;
}

/**
 * Classes of a cluster on AWS. EFS for the workspace: nodes of all zones share it, so that a training whose spot node
 * is taken goes on in another zone. gp3 for what a person adds; its volumes stay in their zone. `fileSystemId`: a string,
 * or one that is still to be answered.
 */
export const storageClasses = <Text>(plan: AwsPlan, fileSystemId: Text): StorageClass<Text>[] => [
  {
    ...named(storageClassNames(plan).efs),
    provisioner: "efs.csi.aws.com",
    // An access point for each claim: pods see their folder only, as the user of the trainer image.
    parameters: {
      provisioningMode: "efs-ap",
      fileSystemId,
      directoryPerms: "700",
      uid: String(USER),
      gid: String(USER),
      basePath: "/tuneform",
      // Named by the claim, so that a stack that is made again finds its runs (unverified against the driver).
      subPathPattern: "${.PVC.namespace}/${.PVC.name}",
      ensureUniqueDirectory: "false",
    },
    reclaimPolicy: "Retain", // adapters and the registry are in it
    volumeBindingMode: "Immediate",
    allowVolumeExpansion: false,
  },
  {
    ...named(storageClassNames(plan).gp3),
    // Auto Mode has a driver of its own.
    provisioner: plan.gpu.nodes === "auto-mode" ? "ebs.csi.eks.amazonaws.com" : "ebs.csi.aws.com",
    parameters: { type: "gp3", encrypted: "true" },
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
    allowVolumeExpansion: true,
  },
];

const named = (name: string) => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass" as const,
  metadata: { name, labels: { "app.kubernetes.io/name": "tuneform" } },
});
