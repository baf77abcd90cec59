import * as pulumi from "@pulumi/pulumi";
import type { FineTunePlan, StackPlan } from "../../core/plan/plan.ts";
import { trainingManifests } from "../../core/kubernetes/training.ts";
import type { Job } from "../../core/kubernetes/manifest.ts";
import type { DataParts } from "../../core/kubernetes/data-parts.ts";
import { clusterOf } from "../../core/kubernetes/names.ts";
import type { Connection } from "../../loading/kubernetes-client.ts";
import { declareObject, type KubernetesObject } from "./objects.ts";
import type { JobEnd } from "./job-following.ts";
import { Outcome, Staging } from "./resources.ts";

export interface ClusterRunArgs {
  plan: StackPlan;
  fineTune: FineTunePlan;
  /** Data files as the Job gets them. */
  parts: DataParts;
  connection: pulumi.Input<Connection>;
  /** See local/lease.ts. */
  lease: string;
}

/**
 * The run of one fine-tune in a cluster: its data, what it may do there, its Job, and the outcome of it. The
 * outcome never fails on what the gate says: the alias does, after everything else was made true.
 */
export class ClusterRun extends pulumi.ComponentResource {
  readonly outcome: Outcome;
  /** Whether its base model is where servers look for it, as far as this run had to bring it there. */
  readonly isStaged: pulumi.Output<boolean>;

  constructor(name: string, args: ClusterRunArgs, opts: pulumi.ComponentResourceOptions) {
    super("tuneform:index:ClusterRun", name, {}, opts);
    const { plan, fineTune, parts, connection, lease } = args;
    const { namespace, mode } = clusterOf(plan);
    const built = trainingManifests(plan, fineTune, parts);
    const parent = { parent: this };
    const declared = (objects: KubernetesObject[]) => objects.map((object) => declareObject(object, parent));
    const needed = [
      ...declared([built.serviceAccount, built.role, built.roleBinding, built.runFile]),
      // Compressed bytes may differ between machines; the name follows from what is in them.
      ...built.data.map((part) => declareObject(part, { ...parent, ignoreChanges: ["data"] })),
      // What `publish` writes into it is not the program's.
      declareObject(built.verdict, { ...parent, ignoreChanges: ["data"] }),
    ];
    const staging = built.staging === null ? null : this.#stage(built.staging, args, needed);
    this.isStaged = staging === null ? pulumi.output(true) : staging.state.apply(isComplete);
    const job = declareObject(
      staging === null ? built.job : heldUnless(this.isStaged, built.job),
      // Two Jobs of one fine-tune would fight for the GPU.
      {
        ...parent,
        dependsOn: [...needed, ...(staging === null ? [] : [staging])],
        deleteBeforeReplace: true,
      },
      `${name}-job`,
    );
    this.outcome = new Outcome(
      `${name}-outcome`,
      {
        connection,
        namespace,
        name,
        runId: fineTune.runId,
        evaluationDigest: fineTune.evaluationDigest,
        job: built.job,
        staging: staging === null ? null : pulumi.output(endOf(staging)),
        rank: fineTune.run.train.rank,
        verdictMap: built.verdict.metadata.name,
        mode,
        lease,
      },
      { ...parent, dependsOn: [job], customTimeouts: { create: "240h", update: "240h" } },
    );
    this.registerOutputs({ state: this.outcome.state });
  }

  /** The base model is brought to the volume before the training Job may ask for a GPU. */
  #stage(
    job: Job,
    { fineTune, plan, connection, lease }: ClusterRunArgs,
    needed: pulumi.Resource[],
  ): Staging {
    const { name, runId } = fineTune;
    const parent = { parent: this };
    const declared = declareObject(
      job,
      { ...parent, dependsOn: needed, deleteBeforeReplace: true },
      `${name}-staging`,
    );
    return new Staging(
      `${name}-staged`,
      { connection, namespace: clusterOf(plan).namespace, name, runId, job, lease },
      { ...parent, dependsOn: [declared], customTimeouts: { create: "240h", update: "240h" } },
    );
  }
}

const isComplete = (state: JobEnd["state"]): boolean => state === "complete";
const endOf = ({ state, reason, exitCode }: Staging) => ({ state, reason, exitCode });

/** A Job that starts no pod where its base model could not be had: it would ask for a GPU in vain. */
const heldUnless = (isStaged: pulumi.Output<boolean>, job: Job): KubernetesObject =>
  ({
    ...job,
    spec: isStaged.apply((there) => (there ? job.spec : { ...job.spec, suspend: true })),
  }) as KubernetesObject;
