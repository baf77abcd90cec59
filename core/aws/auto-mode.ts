import type { ConfigMap } from "../kubernetes/manifest.ts";

/**
 * Turns network policies on in a cluster of EKS Auto Mode, which takes them without it and enforces none (EKS user
 * guide, auto-net-pol). Elsewhere the add-on vpc-cni is told so.
 */
export const networkPolicySwitch = (): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: "amazon-vpc-cni",
    namespace: "kube-system",
    labels: { "app.kubernetes.io/name": "tuneform" },
  },
  data: { "enable-network-policy-controller": "true" },
});
