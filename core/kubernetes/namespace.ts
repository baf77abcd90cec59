import type { StackPlan } from "../plan/plan.ts";
import type { Manifest } from "./manifest.ts";
import { clusterOf, metadataOf, stackLabels } from "./names.ts";
import { networkPolicies } from "./network.ts";

/** The stack's namespace, first, and what bounds it: GPUs, load balancers, memory, and the network. */
export function namespaceManifests(plan: StackPlan): Manifest[] {
  return [namespace(plan), quota(plan), limitRange(plan), ...networkPolicies(plan)];
}

const PROFILE = "restricted";

function namespace(plan: StackPlan): Manifest {
  const { namespace: name } = clusterOf(plan);
  const security = Object.fromEntries(
    ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, PROFILE]),
  );
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { ...stackLabels(plan), ...security } },
  };
}

/** As many GPUs as the servers hold and one for each training: a defect cannot take the whole pool. */
function quota(plan: StackPlan): Manifest & { spec: object } {
  const { gpu, gateway } = clusterOf(plan);
  const serving = plan.servers.filter(({ engine }) => engine === "vllm").length;
  const training = gpu === null ? 0 : plan.fineTunes.length;
  const { serviceType } = gateway;
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: metadataOf(plan, "tuneform"),
    spec: {
      hard: {
        "requests.nvidia.com/gpu": String(serving + training),
        "services.loadbalancers": serviceType === "LoadBalancer" ? "1" : "0",
        // A LoadBalancer takes a node port too.
        "services.nodeports": serviceType === "ClusterIP" ? "0" : "1",
      },
    },
  };
}

/** For a container without limits, for example one that a person starts to look at the volume. */
function limitRange(plan: StackPlan): Manifest & { spec: object } {
  return {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: metadataOf(plan, "tuneform"),
    spec: {
      limits: [
        {
          type: "Container",
          default: { memory: "1Gi" },
          defaultRequest: { cpu: "100m", memory: "256Mi" },
        },
      ],
    },
  };
}
