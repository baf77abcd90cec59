import { dnsName } from "../plan/dns-name.ts";
import type { KubernetesPlan } from "../plan/kubernetes-plan.ts";
import type { StackPlan } from "../plan/plan.ts";
import type { Metadata } from "./manifest.ts";

/** Parts of a stack that NetworkPolicies tell apart. */
export type Component = "training" | "staging" | "server" | "gateway";

/** Settings of the cluster that a plan is for. Throws Error for a plan of another target. */
export function clusterOf({ kubernetes, target }: StackPlan): KubernetesPlan {
  if (kubernetes === null) throw new Error(`a plan of target ${target} has no cluster`);
  return kubernetes;
}

/** Annotation of a training Job: what was planned of it, as JSON. */
export const PREDICTION = "tuneform.dev/prediction";

/** Of what a stack has outside its namespace: whose it is. */
export const NAMESPACE_LABEL = "tuneform.dev/namespace";

/** What the whole stack carries. Label values begin and end with a letter or digit, 63 characters at most. */
export const stackLabels = ({ stack }: StackPlan): Record<string, string> => ({
  "app.kubernetes.io/name": "tuneform",
  "tuneform.dev/stack": stack
    .replace(/^[^a-zA-Z0-9]+/, "")
    .slice(0, 63)
    .replace(/[^a-zA-Z0-9]+$/, ""),
});

export const componentLabels = (plan: StackPlan, component: Component): Record<string, string> => ({
  ...stackLabels(plan),
  "app.kubernetes.io/component": component,
});

/** What selects the pods of a component: nothing that may change while they run. */
export const componentSelector = (component: Component): Record<string, string> => ({
  "app.kubernetes.io/name": "tuneform",
  "app.kubernetes.io/component": component,
});

/** Name, namespace and labels of an object of the stack; `more` labels beside the stack's own. */
export const metadataOf = (
  plan: StackPlan,
  name: string,
  more: Record<string, string> = {},
): Metadata & { namespace: string } => ({
  name,
  namespace: clusterOf(plan).namespace,
  labels: { ...stackLabels(plan), ...more },
});

/** Names of objects. Each has 63 characters at most, whatever the fine-tune is called. */
export const names = {
  trainer: (fineTune: string) => dnsName("train", fineTune),
  verdict: (fineTune: string) => dnsName("verdict", fineTune),
  /** `content`: digest of what is in it, since it cannot be changed. */
  runFile: (fineTune: string, content: string) => dnsName("run", fineTune, content.slice(0, 12)),
  job: (fineTune: string, runId: string) => dnsName(fineTune, runId),
  /** At the end: `stage-x` may be the name of another fine-tune. */
  staging: (fineTune: string, runId: string) => dnsName(fineTune, runId, "stage"),
  data: (fineTune: string, sha256: string, part: number) =>
    dnsName("data", fineTune, sha256.slice(0, 12), String(part)),
  server: (key: string) => dnsName("server", key),
} as const;

/** Base URL of a server inside the namespace, without /v1. */
export const serverUrl = (key: string, port: number): string => `http://${names.server(key)}:${port}`;
