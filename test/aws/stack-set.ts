import type { PodSpec } from "../../core/kubernetes/manifest.ts";
import { GPU_TAINT, POOL_LABEL } from "../../core/plan/gpu-pools.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import type { Collected, Collection } from "./collect.ts";
import type { Inputs } from "./mock-state.ts";

/** Everything that a stack declares, and what it was planned from. */
export interface StackSet extends Collection {
  plan: StackPlan;
}

/** Resources of a type: `aws:eks/cluster:Cluster`, or `Cluster` where one word is enough. */
export const ofType = ({ resources }: Pick<Collection, "resources">, type: string): Collected[] =>
  resources.filter((each) => each.type === type || each.type.endsWith(`:${type}`));

/** `Cluster cluster`: how faults name a resource. */
export const label = ({ type, name }: Collected): string => `${type.split(":").at(-1)} ${name}`;

/** A value inside inputs; undefined where the way to it ends. */
export const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Inputs | undefined | null)?.[key], value);

export const list = <T = unknown>(value: unknown): T[] => (Array.isArray(value) ? (value as T[]) : []);

/** URNs of all that has to be there before a resource: parents too, for a child waits for its component. */
export function waitsFor({ resources }: Pick<Collection, "resources">, resource: Collected): Set<string> {
  const byUrn = new Map(resources.map((each) => [each.urn, each]));
  const seen = new Set<string>();
  const open = [resource];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const urn of [...next.dependsOn, ...(next.parent === null ? [] : [next.parent])])
      if (!seen.has(urn)) {
        seen.add(urn);
        const found = byUrn.get(urn);
        if (found !== undefined) open.push(found);
      }
  return seen;
}

/** What a Job, Deployment or DaemonSet makes. */
export interface SetPod {
  owner: Collected;
  namespace: string;
  spec: PodSpec;
}

export const podsOf = (set: Pick<Collection, "resources">): SetPod[] =>
  ["Job", "Deployment", "DaemonSet"].flatMap((kind) =>
    ofType(set, kind).map((owner) => ({
      owner,
      namespace: String(at(owner.inputs, "metadata", "namespace")),
      spec: at(owner.inputs, "spec", "template", "spec") as PodSpec,
    })),
  );

export const usesGpu = ({ spec }: SetPod): boolean =>
  [...(spec.initContainers ?? []), ...spec.containers].some(
    ({ resources }) => resources.limits["nvidia.com/gpu"] !== undefined,
  );

/** GPU nodes as the declared resources describe them, whoever makes them. */
export interface NodePool {
  owner: Collected;
  labels: Record<string, string>;
  taints: { key: string; value: string; effect: string }[];
  /** How this maker of nodes spells the effect. */
  spelling: "NO_SCHEDULE" | "NoSchedule";
  instanceTypes: string[];
}

export const nodePoolsOf = (set: Pick<Collection, "resources">): NodePool[] => [
  ...ofType(set, "aws:eks/nodeGroup:NodeGroup")
    .filter(({ inputs }) => at(inputs, "labels", POOL_LABEL) !== undefined)
    .map((owner) => managed(set, owner)),
  ...ofType(set, "kubernetes:karpenter.sh/v1:NodePool").map(karpenters),
];

function managed(set: Pick<Collection, "resources">, owner: Collected): NodePool {
  const { labels, taints, instanceTypes } = owner.inputs;
  // Of a capacity block the template has the type.
  const template = ofType(set, "LaunchTemplate").find(({ name }) => name === owner.name);
  const types = list<string>(instanceTypes);
  return {
    owner,
    labels: labels as NodePool["labels"],
    taints: list(taints),
    spelling: "NO_SCHEDULE",
    instanceTypes: types.length > 0 ? types : [String(template?.inputs["instanceType"])],
  };
}

function karpenters(owner: Collected): NodePool {
  const template = at(owner.inputs, "spec", "template");
  const requirements = list<{ key: string; values: string[] }>(at(template, "spec", "requirements"));
  return {
    owner,
    labels: at(template, "metadata", "labels") as NodePool["labels"],
    taints: list(at(template, "spec", "taints")),
    spelling: GPU_TAINT.effect,
    instanceTypes: requirements.find(({ key }) => key === "node.kubernetes.io/instance-type")?.values ?? [],
  };
}
