import type { Manifest } from "../kubernetes/manifest.ts";
import { CONTAINER_SECURITY } from "../kubernetes/pod.ts";
import { clusterName, type AwsPlan } from "../plan/aws-plan.ts";
import { policy, type PolicyDocument } from "./policies.ts";

const NAME = "cluster-autoscaler";
const NAMESPACE = "kube-system";
export const AUTOSCALER_ACCOUNT = { name: NAME, namespace: NAMESPACE } as const;

const metadata = { name: NAME, namespace: NAMESPACE, labels: { "app.kubernetes.io/name": NAME } };
const clusterWide = { name: NAME, labels: metadata.labels };

/** What the autoscaler may do: change the groups of this cluster, and look at all. */
export const autoscalerPolicy = (plan: AwsPlan): PolicyDocument =>
  policy(
    {
      Sid: "ChangeOwnGroups",
      Effect: "Allow",
      Action: ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
      Resource: `arn:aws:autoscaling:${plan.region}:*:autoScalingGroup:*`,
      Condition: {
        StringEquals: { [`aws:ResourceTag/k8s.io/cluster-autoscaler/${clusterName(plan)}`]: "owned" },
      },
    },
    {
      // These actions have no resource level.
      Sid: "Look",
      Effect: "Allow",
      Action: [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTags",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:GetInstanceTypesFromInstanceRequirements",
      ],
      Resource: "*",
    },
    {
      Sid: "LookAtOwnNodeGroups",
      Effect: "Allow",
      Action: "eks:DescribeNodegroup",
      Resource: `arn:aws:eks:${plan.region}:*:nodegroup/${clusterName(plan)}/*/*`,
    },
  );

/** A rule of RBAC: verbs on resources of API groups, all of them or those of a name. */
const rule = (apiGroups: string, resources: string, verbs: string, resourceName?: string) => ({
  apiGroups: apiGroups.split(","),
  resources: resources.split(","),
  verbs: verbs.split(","),
  ...(resourceName === undefined ? {} : { resourceNames: [resourceName] }),
});

const READ = "get,list,watch";

/** As the project's own manifest for AWS asks for, version 1.35; unverified against a running one. */
const CLUSTER_RULES = [
  rule("", "events,endpoints", "create,patch"),
  rule("", "pods/eviction", "create"),
  rule("", "pods/status", "update"),
  rule("", "nodes", `${READ},update`),
  rule("", "namespaces,pods,services,replicationcontrollers,persistentvolumeclaims,persistentvolumes", READ),
  rule("batch,extensions", "jobs,cronjobs", `${READ},patch`),
  rule("apps", "daemonsets,replicasets,statefulsets", READ),
  rule("policy", "poddisruptionbudgets", READ),
  rule("storage.k8s.io", "storageclasses,csinodes,csidrivers,csistoragecapacities,volumeattachments", READ),
  rule("resource.k8s.io", "resourceclaims,resourceslices,deviceclasses", READ),
];

/** Of its own lease and status, in its namespace. */
const OWN_RULES = [
  rule("coordination.k8s.io", "leases", "create"),
  rule("coordination.k8s.io", "leases", "get,update", NAME),
  rule("", "configmaps", "create,list,watch"),
  rule("", "configmaps", "get,update,delete", `${NAME}-status`),
];

/**
 * cluster-autoscaler: starts a GPU node when a pod waits for one, ends it when nothing uses it. `image`: with its
 * digest.
 */
export function autoscalerManifests(plan: AwsPlan, image: string): Manifest[] {
  const subjects = [{ kind: "ServiceAccount", name: NAME, namespace: NAMESPACE }];
  const roleRef = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: NAME });
  const rbac = (kind: string, of: object, more: object) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
    metadata: of as typeof metadata,
    ...more,
  });
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    rbac("ClusterRole", clusterWide, { rules: CLUSTER_RULES }),
    rbac("ClusterRoleBinding", clusterWide, { roleRef: roleRef("ClusterRole"), subjects }),
    rbac("Role", metadata, { rules: OWN_RULES }),
    rbac("RoleBinding", metadata, { roleRef: roleRef("Role"), subjects }),
    deployment(plan, image),
  ];
}

const argumentsOf = (plan: AwsPlan): string[] => [
  "--cloud-provider=aws",
  `--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/${clusterName(plan)}`,
  "--expander=least-waste",
  // emptyDir is all that our pods have of a node's own storage; what counts is on the workspace volume.
  "--skip-nodes-with-local-storage=false",
  "--scale-down-unneeded-time=10m",
  "--max-node-provision-time=20m",
  "--stderrthreshold=info",
];

function deployment(plan: AwsPlan, image: string): Manifest & { spec: object } {
  const labels = metadata.labels;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" } },
        spec: {
          serviceAccountName: NAME,
          priorityClassName: "system-cluster-critical",
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65534,
            runAsGroup: 65534,
            fsGroup: 65534,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            {
              name: NAME,
              image,
              imagePullPolicy: "IfNotPresent",
              command: ["./cluster-autoscaler"],
              args: argumentsOf(plan),
              env: [{ name: "AWS_REGION", value: plan.region }],
              resources: { requests: { cpu: "100m", memory: "600Mi" }, limits: { memory: "600Mi" } },
              securityContext: { ...CONTAINER_SECURITY, readOnlyRootFilesystem: true },
              livenessProbe: { httpGet: { path: "/health-check", port: 8085 }, periodSeconds: 20 },
              ports: [{ name: "metrics", containerPort: 8085 }],
            },
          ],
        },
      },
    },
  };
}
