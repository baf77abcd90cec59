/** Pods of an add-on that call AWS. */
export interface AddonIdentity {
  serviceAccount: string;
  /** ARN path below arn:aws:iam::aws:policy/. */
  policy: string;
}

/** An add-on that EKS installs and keeps. */
export interface Addon {
  name: string;
  /** Null: EKS chooses what is its default for the cluster's version, and the state keeps it. */
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

/** Version of Kubernetes that the versions below are for; for another one EKS chooses. */
export const ADDONS_KUBERNETES = "1.35";

/**
 * Add-ons of a cluster whose nodes are its own. Those before nodes are made in this order. EKS refuses a version that
 * does not fit the cluster's; `cluster.addons` of the stack replaces it (`aws eks describe-addon-versions`).
 * Versions, all of configurations for 1.35 that name them as what EKS offered in August 2026:
 * skax-ca/eks-reference-infra (EKS's defaults), devopscoop/aws-eks-template (EFS, node monitoring) and
 * aws-samples/comfyui-on-eks (Mountpoint).
 */
export const ADDONS: readonly Addon[] = [
  // Before vpc-cni, whose pods die without the agent that gives them their role: aws/amazon-vpc-cni-k8s#3840.
  addon("eks-pod-identity-agent", "before", "v1.3.10-eksbuild.3"),
  addon("vpc-cni", "before", "v1.22.3-eksbuild.1", {
    identity: { serviceAccount: "aws-node", policy: "AmazonEKS_CNI_Policy" },
    // Without it NetworkPolicies are accepted and not enforced.
    configuration: { enableNetworkPolicy: "true" },
  }),
  addon("kube-proxy", "before", "v1.35.3-eksbuild.17"),
  addon("coredns", "after", "v1.13.2-eksbuild.11"),
  addon("aws-ebs-csi-driver", "after", "v1.63.1-eksbuild.1", {
    identity: {
      serviceAccount: "ebs-csi-controller-sa",
      // Volumes of this cluster only, by the session's tag. The driver sets the other one, of volumes, since 1.58:
      // kubernetes-sigs/aws-ebs-csi-driver#2899.
      policy: "AmazonEBSCSIDriverEKSClusterScopedPolicy",
    },
  }),
  addon("aws-efs-csi-driver", "after", "v3.4.1-eksbuild.1", {
    identity: { serviceAccount: "efs-csi-controller-sa", policy: "service-role/AmazonEFSCSIDriverPolicy" },
  }),
  // No role: it reaches the bucket with the role of the pod that mounts it.
  addon("aws-mountpoint-s3-csi-driver", "after", "v2.7.0-eksbuild.1"),
  addon("eks-node-monitoring-agent", "after", "v1.7.0-eksbuild.1"),
  addon("metrics-server", "after", "v0.9.0-eksbuild.5"),
];

/** What Auto Mode brings itself: network, DNS, Pod Identity, EBS and node monitoring. */
export const IN_AUTO_MODE: ReadonlySet<string> = new Set([
  "vpc-cni",
  "kube-proxy",
  "eks-pod-identity-agent",
  "coredns",
  "aws-ebs-csi-driver",
  "eks-node-monitoring-agent",
]);
