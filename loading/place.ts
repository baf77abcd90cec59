import type { FormerVerdict, RunState } from "../core/plan/outlook.ts";
import type { Architecture } from "../core/catalog/architecture.ts";
import type { Instance } from "../core/catalog/instances.ts";
import { coresOf } from "../core/plan/cores.ts";
import { holds, isOffered } from "../core/plan/gpu-pools.ts";
import type { Facts } from "../core/plan/plan.ts";
import { trainerHostBytes } from "../core/plan/training.ts";
import { clusterSpeed, type Speed } from "../core/plan/time.ts";
import { trainingsOf, type Trainings } from "../core/plan/trainings.ts";
import { baseInBucket } from "../core/plan/bucket.ts";
import { baseOnVolume, sourcePath } from "../core/plan/volume.ts";
import { defaultEngine } from "../core/plan/kubernetes-plan.ts";
import type { AwsSettings } from "../core/spec/aws.ts";
import type { FineTuneSpec } from "../core/spec/fine-tune.ts";
import type { Engine, KubernetesSettings } from "../core/spec/kubernetes.ts";
import type { Base } from "../core/spec/run-file.ts";
import type { MachineFacts } from "./machine.ts";
import { currentRun, finishedTrainings, runState, verdictOf } from "./workspace.ts";

/** What the planner has to know of where fine-tunes are trained and served. */
export interface Place {
  facts: (spec: FineTuneSpec, base: Base) => Omit<Facts, "base" | "data" | "instances">;
  /** A base and a data file as the stages see them. */
  base: (base: Base) => Base;
  /** Whether an instance is one that could train and serve a base here; null: architecture unknown. */
  offers: (instance: Instance, architecture: Architecture | null) => boolean;
  /** An instance as it is bought here: what is not asked for has no price. */
  bought: (instance: Instance) => Instance;
  source: (file: { path: string; sha256: string }) => string;
}

/** This machine, and a folder of it. */
export function localPlace(workspace: string, machine: MachineFacts): Place {
  const trainings = finishedTrainings(workspace);
  return {
    facts: (spec, base) => ({
      ...measured(trainings, base, () => ({ source: "probe", flopsPerSecond: machine.flopsPerSecond() })),
      gpu: null,
      engine: null,
      memoryBytes: machine.memoryBytes,
      declaredSpeed: null,
      runState: (runId) => runState(workspace, runId),
      verdictOf: (runId) => verdictOf(workspace, runId),
      current: currentRun(workspace, spec.name),
    }),
    base: (base) => base,
    offers: () => true,
    bought: (instance) => instance,
    source: ({ path }) => path,
  };
}

/** What earlier runs of a place say of a base. `unmeasured`: its speed where none does; asked for only then. */
function measured(
  trainings: Trainings,
  base: Base,
  unmeasured: () => Speed,
): Pick<Facts, "lastAccuracy" | "measuredOn" | "accuracyOf" | "speed"> {
  const last = trainings.lastOf(base.id);
  return {
    lastAccuracy: last?.accuracy ?? null,
    measuredOn: (gpu) => trainings.measuredOn(base.id, gpu),
    accuracyOf: trainings.accuracyOf,
    speed: last?.speed ?? unmeasured(),
  };
}

/** What a cluster is known to hold of a stack's runs. */
export interface ClusterFacts {
  /** Run that serves under a name today. */
  current: (name: string) => string | null;
  runState: (runId: string) => RunState;
  verdictOf: (runId: string) => FormerVerdict | null;
  trainings: Trainings;
  /** NVIDIA's device plugins that the stack did not install, where it means to: `namespace/name`. */
  devicePlugins: string[];
  /** What a person should know before anything starts. */
  notes: string[];
}

/** Of a cluster that was not asked: every run is new. */
export const NOTHING_KNOWN: ClusterFacts = {
  current: () => null,
  runState: () => "new",
  verdictOf: () => null,
  trainings: trainingsOf([]),
  devicePlugins: [],
  notes: [],
};

/** Nodes of a cluster, of which the stack file says what they have; this machine does not matter. */
export function clusterPlace(settings: KubernetesSettings, known: ClusterFacts): Place {
  const declaredSpeed = clusterSpeed(settings.cpuRequest);
  return {
    facts: (spec, base) => ({
      ...measured(known.trainings, base, () => declaredSpeed),
      gpu: settings.gpu,
      engine: engineOf(spec, settings),
      memoryBytes: Infinity,
      declaredSpeed,
      runState: known.runState,
      verdictOf: known.verdictOf,
      current: known.current(spec.name),
    }),
    base: baseOnVolume,
    offers: ({ gpu }) => settings.gpu === null || gpu === settings.gpu,
    bought: (instance) => instance,
    source: ({ sha256 }) => sourcePath(sha256),
  };
}

/** Nodes of AWS, which the planner chooses; this machine does not matter. */
export function awsPlace(settings: KubernetesSettings, aws: AwsSettings, known: ClusterFacts): Place {
  const place = clusterPlace(settings, known);
  return {
    ...place,
    base: aws.storage.bases === "bucket" ? baseInBucket : baseOnVolume,
    facts: (spec, base) => ({ ...place.facts(spec, base), gpu: "planned" }),
    // What no type of the same GPU has the memory for is no offer.
    offers: (instance, architecture) =>
      isOffered(instance, aws, "training") &&
      holds(instance, {
        hostBytes: architecture === null ? null : trainerHostBytes(architecture),
        cores: coresOf(settings.cpuRequest),
      }),
    bought: (instance) =>
      aws.gpu.purchase === "auto" || aws.gpu.purchase === "spot" ? instance : { ...instance, spot: false },
  };
}

/** What serves a fine-tune. */
export const engineOf = ({ serve }: FineTuneSpec, settings: KubernetesSettings): Engine =>
  serve.engine === "auto" ? defaultEngine(settings) : serve.engine;
