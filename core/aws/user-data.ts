import type { AwsSettings } from "../spec/aws.ts";

/** Between the parts of a MIME document; occurs in none of them. */
const BOUNDARY = "tuneform-node";

/** nodeadm's: local NVMe disks as one for containers and logs, and images unpacked in parallel. */
const NODE_CONFIG = `apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  featureGates:
    FastImagePull: true
  instance:
    localStorage:
      strategy: RAID0
`;

/**
 * Bottlerocket's: the same in its own words. It binds local disks only where it is told to; the folders are those that
 * Karpenter binds. Both commands are one entry, so that they run in this order.
 */
const BOTTLEROCKET = `[settings.kubernetes]
registry-qps = 25
registry-burst = 50

[settings.bootstrap-commands.local-storage]
commands = [
  ["apiclient", "ephemeral-storage", "init"],
  ["apiclient", "ephemeral-storage", "bind", "--dirs", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods"],
]
mode = "always"
essential = true
`;

/**
 * User data of a GPU node, base64. Managed node groups add how it joins the cluster. All x86 types of the catalog
 * have local NVMe disks.
 */
export function userData(family: AwsSettings["gpu"]["ami"]): string {
  const text = family === "bottlerocket" ? BOTTLEROCKET : mime("application/node.eks.aws", NODE_CONFIG);
  return Buffer.from(text).toString("base64");
}

const mime = (type: string, part: string): string =>
  [
    "MIME-Version: 1.0",
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    "",
    `--${BOUNDARY}`,
    `Content-Type: ${type}`,
    "",
    part,
    `--${BOUNDARY}--`,
    "",
  ].join("\n");
