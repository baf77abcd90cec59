import type { AwsPlan } from "../plan/aws-plan.ts";

/** Pods of an add-on that call AWS. */
export interface AddonIdentity {
  serviceAccount: string;
  /** ARN path below arn:aws:iam::aws:policy/. */
  policy: string;
}

/** An add-on that EKS installs and keeps. */
export interface Addon {
  name: string;
  /** Null: what EKS has as its default for the cluster's version. */
  version: string | null;
  /** `before`: nodes need it to become ready; `after`: it needs nodes. */
  nodes: "before" | "after";
  identity: AddonIdentity | null;
  configuration: object | null;
}

const addon = (
  name: string,
  nodes: Addon["nodes"],
  version: string | null,
  more: Partial<Addon> = {},
): Addon => ({
  name,
  version,
  nodes,
  identity: null,
  configuration: null,
  ...more,
});

/**
 * Add-ons of a cluster whose nodes are its own. Versions are of public configurations for 1.35 from 2026; EKS refuses
 * one that does not fit, and `cluster.addons` of the stack replaces it (`aws eks describe-addon-versions`).
 * Mountpoint's version was in none of them, so EKS chooses it.
 */
const ADDONS: readonly Addon[] = [
  addon("vpc-cni", "before", "v1.21.1-eksbuild.3", {
    identity: { serviceAccount: "aws-node", policy: "AmazonEKS_CNI_Policy" },
    // Without it NetworkPolicies are accepted and not enforced.
    configuration: { enableNetworkPolicy: "true" },
  }),
  addon("kube-proxy", "before", "v1.35.0-eksbuild.2"),
  addon("eks-pod-identity-agent", "before", "v1.3.10-eksbuild.3"),
  addon("coredns", "after", "v1.13.2-eksbuild.1"),
  addon("aws-ebs-csi-driver", "after", "v1.57.1-eksbuild.1", {
    identity: {
      serviceAccount: "ebs-csi-controller-sa",
      // Volumes of this cluster only, by the session's tag.
      policy: "AmazonEBSCSIDriverEKSClusterScopedPolicy",
    },
  }),
  addon("aws-efs-csi-driver", "after", "v3.4.2-eksbuild.1", {
    identity: { serviceAccount: "efs-csi-controller-sa", policy: "service-role/AmazonEFSCSIDriverPolicy" },
  }),
  addon("aws-mountpoint-s3-csi-driver", "after", null),
  addon("eks-node-monitoring-agent", "after", "v1.5.0-eksbuild.1"),
  addon("metrics-server", "after", "v0.9.0-eksbuild.11"),
];

/** What Auto Mode brings itself: network, DNS, Pod Identity, EBS and node monitoring. */
const IN_AUTO_MODE = new Set([
  "vpc-cni",
  "kube-proxy",
  "eks-pod-identity-agent",
  "coredns",
  "aws-ebs-csi-driver",
  "eks-node-monitoring-agent",
]);

/** Add-ons of a plan's new cluster, with the versions that the stack names. */
export function addonsOf({ gpu, cluster }: Pick<AwsPlan, "gpu" | "cluster">): Addon[] {
  const needed = gpu.nodes === "auto-mode" ? ADDONS.filter(({ name }) => !IN_AUTO_MODE.has(name)) : ADDONS;
  return needed.map((each) => ({ ...each, version: cluster.addons[each.name] ?? each.version }));
}

/** Names that `cluster.addons` may hold. */
export const ADDON_NAMES = ADDONS.map(({ name }) => name);
