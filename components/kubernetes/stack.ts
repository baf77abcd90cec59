import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { aliasesManifest } from "../../core/kubernetes/aliases.ts";
import type { DataParts } from "../../core/kubernetes/data-parts.ts";
import { clusterOf } from "../../core/kubernetes/names.ts";
import { gatewayManifests } from "../../core/kubernetes/gateway.ts";
import { namespaceManifests } from "../../core/kubernetes/namespace.ts";
import { serverManifests } from "../../core/kubernetes/server.ts";
import type { Version } from "../../core/kubernetes/vllm-server.ts";
import { volumeManifests } from "../../core/kubernetes/volumes.ts";
import type { FineTunePlan, StackPlan } from "../../core/plan/plan.ts";
import type { ServerPlan } from "../../core/plan/servers.ts";
import type { Connection } from "../../loading/kubernetes-client.ts";
import type { DeclaredOutputs } from "../fine-tune.ts";
import { declareObject, type KubernetesObject } from "./objects.ts";
import type { Target } from "./outcome.ts";
import { ClusterAlias } from "./resources.ts";
import { ClusterRun } from "./training.ts";

export interface ClusterStackArgs {
  plan: StackPlan;
  parts: DataParts;
  /** NVIDIA's device plugin, where the stack installs it. */
  devicePlugin: KubernetesObject[];
  /** See local/lease.ts. */
  lease: string;
  /** The cluster, for the program's provider and for resources of our own. */
  provider: k8s.Provider;
  connection: pulumi.Input<Connection>;
}

/**
 * A stack in a cluster. Order: namespace and volume; runs, each to its verdict; servers; alias map and gateway;
 * last the aliases, which fail where a gate said no. So one refused run holds no other back, and what serves
 * today goes on serving.
 */
export class ClusterStack extends pulumi.ComponentResource {
  readonly models: Record<string, DeclaredOutputs> = {};
  readonly #plan: StackPlan;
  readonly #connection: pulumi.Input<Connection>;
  readonly #runs = new Map<string, ClusterRun>();

  constructor(name: string, args: ClusterStackArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const { plan, parts, devicePlugin, lease, provider, connection } = args;
    super("tuneform:index:ClusterStack", name, {}, { ...opts, providers: { kubernetes: provider } });
    this.#plan = plan;
    this.#connection = connection;
    const ground = this.#declareGround(devicePlugin);
    for (const fineTune of plan.fineTunes) {
      const run = { plan, fineTune, parts, lease, connection };
      this.#runs.set(fineTune.name, new ClusterRun(fineTune.name, run, { parent: this, dependsOn: ground }));
    }
    const servers = plan.servers.map((server) => this.#declareServer(server, ground));
    const aliases = this.#declareAliasMap(ground, servers.flat());
    const { deployment, service, disruptionBudget } = gatewayManifests(plan);
    const gateway = this.#declareAll([deployment, service, ...disruptionBudget], [...ground, aliases]);
    for (const fineTune of plan.fineTunes)
      this.models[fineTune.name] = this.#declareAlias(fineTune, [aliases, ...gateway]);
    this.registerOutputs({ models: this.models });
  }

  /**
   * Namespace, its rules and the volume: what holds data is protected, `destroy` leaves it. On AWS the data lies in
   * the file system and the bucket, which stay by themselves; protected objects would keep the whole cluster.
   */
  #declareGround(devicePlugin: KubernetesObject[]): pulumi.CustomResource[] {
    const [namespace, ...rules] = namespaceManifests(this.#plan);
    if (namespace === undefined) throw new Error("no namespace: a defect of the builders");
    const kept = { parent: this, protect: this.#plan.aws === null };
    const held = declareObject(namespace, kept);
    const volumes = volumeManifests(this.#plan).map((volume) =>
      declareObject(volume, { ...kept, dependsOn: [held] }),
    );
    return [held, ...volumes, ...this.#declareAll([...rules, ...devicePlugin], [held])];
  }

  #declareAll(objects: KubernetesObject[], dependsOn: pulumi.Resource[]): pulumi.CustomResource[] {
    return objects.map((object) => declareObject(object, { parent: this, dependsOn }));
  }

  #runOf(name: string): ClusterRun {
    const run = this.#runs.get(name);
    if (run === undefined) throw new Error(`no run of ${name}: a defect of the planner`);
    return run;
  }

  /** A server has the adapters of its base that serve, and those before them. */
  #declareServer(server: ServerPlan, ground: pulumi.Resource[]): pulumi.CustomResource[] {
    const outcomes = this.#plan.fineTunes
      .filter(({ serving }) => serving.server === server.key)
      .map(({ name }) => this.#runOf(name).outcome);
    const dependsOn = [...ground, ...outcomes];
    const targets = pulumi
      .all(outcomes.map(({ serving, previous }) => pulumi.all([serving, previous])))
      .apply((all) => all.flat().flatMap((target) => (target === null ? [] : [versionOf(target)])));
    const { config, account, deployment, service } = serverManifests(this.#plan, server, []);
    const withAdapters = {
      ...deployment,
      spec: targets.apply((adapters) => serverManifests(this.#plan, server, adapters).deployment.spec),
    };
    const opts = { parent: this, dependsOn, customTimeouts: { create: "45m", update: "45m" } };
    const settings = this.#declareAll(
      [config, account].filter((object) => object !== null),
      dependsOn,
    );
    return [
      ...settings,
      declareObject(withAdapters, { ...opts, dependsOn: [...dependsOn, ...settings] }),
      declareObject(service, opts),
    ];
  }

  #declareAliasMap(ground: pulumi.Resource[], servers: pulumi.Resource[]): pulumi.CustomResource {
    const entries = pulumi
      .all(this.#plan.fineTunes.map(({ name }) => this.#runOf(name).outcome.serving))
      .apply((targets) =>
        this.#plan.fineTunes.flatMap((fineTune, index) => {
          const target = targets[index];
          return target == null ? [] : [{ fineTune, ...target }];
        }),
      );
    const empty = aliasesManifest(this.#plan, []);
    const data = entries.apply((list) => aliasesManifest(this.#plan, list).data);
    return declareObject({ ...empty, data } as KubernetesObject, {
      parent: this,
      dependsOn: [...ground, ...servers],
    });
  }

  #declareAlias(fineTune: FineTunePlan, dependsOn: pulumi.Resource[]): DeclaredOutputs {
    const settings = clusterOf(this.#plan);
    const { name, run, runId } = fineTune;
    const { outcome } = this.#runOf(name);
    const { state, reason, exitCode, serving } = outcome;
    const connection = this.#connection;
    const { namespace } = settings;
    new ClusterAlias(
      `${name}-alias`,
      { connection, namespace, alias: name, state, reason, exitCode, serving },
      { parent: this, dependsOn, customTimeouts: { create: "15m", update: "15m" } },
    );
    return {
      alias: name,
      endpoint: settings.endpoint,
      modelId: serving.apply((target) => target?.modelId ?? ""),
      baseModel: run.base.id,
      systemPrompt: run.data.systemPrompt,
      runId,
      verdict: state,
      score: outcome.score,
      contractVersion: 1,
    };
  }
}

const versionOf = ({ modelId, runId, rank }: Target): Version => ({
  modelId,
  runId,
  ...(rank === null ? {} : { rank }),
});
