import path from "node:path";
import type { BaseModel } from "../../core/catalog/base-models.ts";
import type { DataParts } from "../../core/kubernetes/data-parts.ts";
import type { Manifest, PodSpec } from "../../core/kubernetes/manifest.ts";
import { stackManifests } from "../../core/kubernetes/stack-manifests.ts";
import { planClusterServers } from "../../core/plan/cluster-servers.ts";
import { planKubernetes } from "../../core/plan/kubernetes-plan.ts";
import { planFineTune, type StackPlan } from "../../core/plan/plan.ts";
import { servingPlan } from "../../core/plan/serving-plan.ts";
import { VOLUME } from "../../core/plan/volume.ts";
import { kubernetesSchema } from "../../core/spec/kubernetes.ts";
import { readDevicePlugin } from "../../loading/device-plugin.ts";
import { clusterPlace, NOTHING_KNOWN, type ClusterFacts } from "../../loading/place.ts";
import { exampleFacts, exampleSpec } from "./example.ts";

export const root = path.resolve(import.meta.dirname, "../..");

export const TRAINER = `registry.example/trainer@sha256:${"a1".repeat(32)}`;
export const VLLM = `registry.example/vllm@sha256:${"b2".repeat(32)}`;

/** Settings of a cluster with GPUs; `changes` replaces keys. */
export const exampleSettings = (changes: object = {}) =>
  kubernetesSchema.parse({
    trainerImage: TRAINER,
    serverImage: VLLM,
    gpu: "l4",
    storageClass: "standard",
    ...changes,
  });

export const CPU_ONLY = { gpu: null, serverImage: null };

/** The plan of a stack in a cluster; `specs` replace sections of the example's model file. */
export function exampleStack(
  changes: object = {},
  specs: object[] = [{}],
  base: Partial<typeof exampleFacts.base.base> = {},
  stack = "test",
  entry: BaseModel | null = null,
  known: ClusterFacts = NOTHING_KNOWN,
): StackPlan {
  const settings = exampleSettings(changes);
  const place = clusterPlace(settings, known);
  const fineTunes = specs.map((overrides) => {
    const spec = exampleSpec(overrides);
    const known = entry === null ? {} : { entry, architecture: entry.architecture };
    const resolved = {
      ...exampleFacts.base,
      ...known,
      base: place.base({ ...exampleFacts.base.base, ...base }),
    };
    return planFineTune(spec, {
      ...exampleFacts,
      base: resolved,
      ...place.facts(spec, resolved.base),
    });
  });
  return {
    schemaVersion: 1,
    notes: [],
    target: "kubernetes",
    stack,
    workspace: VOLUME,
    kubernetes: planKubernetes(stack, settings, {}),
    aws: null,
    parallelism: 1,
    fineTunes,
    servers: planClusterServers(fineTunes, () => settings.gpu),
    serving: servingPlan([], []),
  };
}

/** Of the example's one data file. */
export const exampleParts: DataParts = { abc: ["cGFydA==", "cGFydA=="] };

export const exampleManifests = (plan: StackPlan): Manifest[] =>
  stackManifests(plan, exampleParts, readDevicePlugin(root));

export const ofKind = <T extends Manifest>(manifests: readonly Manifest[], kind: string): T[] =>
  manifests.filter((manifest) => manifest.kind === kind) as T[];

export interface Pod {
  /** `Job/name`. */
  owner: string;
  labels: Record<string, string>;
  spec: PodSpec;
}

/** Pod templates of the stack's own namespace: what a Job or Deployment makes. */
export const podsOf = (manifests: readonly Manifest[]): Pod[] =>
  manifests.flatMap((manifest) => {
    if (manifest.kind !== "Job" && manifest.kind !== "Deployment") return [];
    const { template } = (manifest as Manifest & { spec: { template: Template } }).spec;
    return [
      {
        owner: `${manifest.kind}/${manifest.metadata.name}`,
        labels: template.metadata.labels,
        spec: template.spec,
      },
    ];
  });

interface Template {
  metadata: { labels: Record<string, string> };
  spec: PodSpec;
}

export const containersOf = ({ initContainers = [], containers }: PodSpec) => [
  ...initContainers,
  ...containers,
];
