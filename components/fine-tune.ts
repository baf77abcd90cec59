import * as pulumi from "@pulumi/pulumi";
import type { FineTunePlan } from "../core/plan/plan.ts";
import { LocalAlias, LocalRun } from "./local/resources.ts";
import type { ModelServer } from "./model-server.ts";

/** What an application reads from the stack outputs, under `models.<name>`. */
export interface ModelOutputs {
  /** The stable name to send as `model`. */
  alias: string;
  /** Base URL of the OpenAI-compatible API, ending in /v1. */
  endpoint: string;
  /** The immutable name of the adapter behind the alias; answers carry it. */
  modelId: string;
  baseModel: string;
  /** The system message that an application has to send; null where none is declared. */
  systemPrompt: string | null;
  runId: string;
  verdict: string;
  /** Of the metric that the gate looks at, 0..1; null while no verdict is there. */
  score: { base: number; tuned: number; incumbent: number | null } | null;
  contractVersion: 1;
}

/** The same while it is being made. */
export type DeclaredOutputs = {
  [K in keyof ModelOutputs]: pulumi.Output<ModelOutputs[K]> | ModelOutputs[K];
};

export interface FineTuneArgs {
  plan: FineTunePlan;
  server: ModelServer;
  /** Absolute path. */
  workspace: string;
  /** Trainings at the same time. */
  parallelism: number;
  /** See local/lease.ts. */
  lease: string;
}

/**
 * One declared fine-tune: its run (data, training, evaluation, gate) and the alias that applications
 * call. The alias depends on the run, so a run that the gate refuses leaves it where it is.
 */
export class FineTune extends pulumi.ComponentResource {
  readonly outputs: DeclaredOutputs;

  constructor(name: string, args: FineTuneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:index:FineTune", name, {}, opts);
    const { plan, server, workspace, parallelism, lease } = args;
    const { run, evaluationDigest, prediction } = plan;
    const training = new LocalRun(
      `${name}-run`,
      { run, evaluationDigest, prediction, workspace, parallelism, lease },
      { parent: this, customTimeouts: { create: "24h", update: "24h" } },
    );
    new LocalAlias(
      `${name}-alias`,
      {
        alias: name,
        runId: run.runId,
        modelId: training.modelId,
        adapter: training.adapter,
        serverFolder: server.folder,
      },
      { parent: this, dependsOn: [server] },
    );
    this.outputs = {
      alias: name,
      endpoint: server.endpoint,
      modelId: training.modelId,
      baseModel: run.base.id,
      systemPrompt: run.data.systemPrompt,
      runId: run.runId,
      verdict: training.verdict,
      score: training.score,
      contractVersion: 1,
    };
    this.registerOutputs(this.outputs);
  }
}
