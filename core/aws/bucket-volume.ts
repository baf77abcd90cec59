import type { Manifest } from "../kubernetes/manifest.ts";
import { USER } from "../kubernetes/pod.ts";
import { BUCKET_CLAIM, bucketVolumeName, type AwsPlan } from "../plan/aws-plan.ts";

/**
 * The bucket as a volume, by Mountpoint for S3: static volumes are all that its driver knows. Each pod reaches it with
 * the role of its own service account, so that a fine-tune sees its own data and writes its own adapters. Mountpoint
 * cannot rename or append: checkpoints and the workspace are never on it. It may write over what a broken export left,
 * which the bucket keeps as a former version. `bucket`: a string, or one that is still to be answered.
 */
export const bucketVolume = <Text>(plan: AwsPlan, bucket: Text): Manifest & { spec: object } => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: bucketVolumeName(plan), labels: { "app.kubernetes.io/name": "tuneform" } },
  spec: {
    capacity: { storage: "1Ti" }, // has to be said, and means nothing
    accessModes: ["ReadWriteMany"],
    storageClassName: "",
    persistentVolumeReclaimPolicy: "Retain",
    claimRef: { namespace: plan.namespace, name: BUCKET_CLAIM },
    mountOptions: [`region ${plan.region}`, `uid=${USER}`, `gid=${USER}`, "allow-other", "allow-overwrite"],
    csi: {
      driver: "s3.csi.aws.com",
      volumeHandle: bucketVolumeName(plan),
      volumeAttributes: { bucketName: bucket, authenticationSource: "pod" },
    },
  },
});
