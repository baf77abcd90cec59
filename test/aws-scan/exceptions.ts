/** A rule that some files break for a reason: each row has to excuse one file at least. */
export interface Exception {
  rule: string;
  /** File, as `folder/name.yaml`. */
  where: RegExp;
  reason: string;
}

const PODS = /-(daemonset|deployment|job)-/;

export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: "KSV011", // limit of CPU
    where: PODS,
    reason:
      "A limit of CPU only slows down what would else use an idle core; requests share it, memory is limited",
  },
  {
    rule: "KSV020", // user above 10,000
    where: PODS,
    reason: "Said once for the pod, and the rule looks at containers only; the test below looks at pods",
  },
  {
    rule: "KSV021", // group above 10,000
    where: PODS,
    reason: "As KSV020",
  },
  {
    rule: "KSV116", // group that is not root
    where: /./,
    reason: "Reported for every object, also those without a pod; the test below looks at pods",
  },
  {
    rule: "KSV014", // read-only root
    where: /-deployment-server-[\w-]+-vllm\.yaml$/,
    reason: "vLLM and the compilers below it write caches to places that differ by version",
  },
  {
    rule: "KSV036", // token of the service account
    where: /-job-[\w-]+\.yaml$/,
    reason:
      "The Job writes its verdict to one ConfigMap, which is all that its role allows; staging has no token",
  },
  {
    rule: "KSV049", // role that writes ConfigMaps
    where: /-role-(verdict-[\w-]+|cluster-autoscaler)\.yaml$/,
    reason: "One ConfigMap by name: a run's verdict, the autoscaler's status",
  },
  {
    rule: "KSV037", // kube-system
    where: /-(daemonset-nvidia-device-plugin-[\w-]+|deployment-cluster-autoscaler)\.yaml$/,
    reason: "Parts of the cluster, beside its other add-ons, whose manifests put them there",
  },
  {
    rule: "KSV048", // role that changes workloads
    where: /-clusterrole-cluster-autoscaler\.yaml$/,
    reason: "The autoscaler empties nodes by eviction, as its project's own manifest asks for",
  },
  {
    rule: "KSV056", // role that changes networking
    where: /-clusterrole-cluster-autoscaler\.yaml$/,
    reason: "As KSV048: endpoints, for the lease of older versions",
  },
  {
    rule: "KSV012", // root
    where: /-daemonset-nvidia-device-plugin-[\w-]+\.yaml$/,
    reason: "Talks to the kubelet by a socket that belongs to root; all privileges of root are dropped",
  },
  {
    rule: "KSV023", // folder of the node
    where: /-daemonset-nvidia-device-plugin-[\w-]+\.yaml$/,
    reason: "As KSV012: the folder of that socket",
  },
];
