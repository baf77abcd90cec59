import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import type { Connection } from "../../loading/kubernetes-client.ts";
import type { DeclaredOutputs } from "../fine-tune.ts";
import { clusterProvider } from "../kubernetes/provider.ts";
import { ClusterStack, type ClusterStackArgs } from "../kubernetes/stack.ts";
import { EksCluster } from "./cluster.ts";
import { ClusterAutoscaler } from "./cluster-autoscaler.ts";
import { ClusterObjects } from "./cluster-objects.ts";
import { CostGuards } from "./cost-guards.ts";
import { GpuNodePool } from "./gpu-node-pool.ts";
import { Identity } from "./identity.ts";
import { Network } from "./network.ts";
import { Storage } from "./storage.ts";

export interface AwsStackArgs extends Omit<ClusterStackArgs, "provider" | "connection"> {
  aws: AwsPlan;
  /** Of a cluster that is there already. */
  connection: Connection;
}

/**
 * A stack on AWS. Order: network; cluster with its add-ons, and storage beside it; node pools, roles and the
 * cluster's own objects; then what every cluster gets, unchanged.
 */
export class AwsStack extends pulumi.ComponentResource {
  readonly models: Record<string, DeclaredOutputs>;

  constructor(name: string, { aws: plan, connection: given, ...inside }: AwsStackArgs) {
    const region = new aws.Provider("aws", { region: plan.region as aws.Region });
    super("tuneform:aws:AwsStack", name, {}, { providers: { aws: region } });
    const parent = { parent: this };
    const network = new Network(name, { plan }, parent);
    const cluster = new EksCluster(name, { plan, network }, parent);
    const storage = new Storage(name, { plan, network }, parent);
    new CostGuards(name, { plan }, parent);
    const identity = new Identity(name, { plan, cluster, storage }, parent);
    const { context } = given;
    const kubeconfig = cluster.kubeconfig ?? given.kubeconfig;
    const provider = clusterProvider({ kubeconfig, context }, { ...parent, dependsOn: cluster.ready });
    const within = { ...parent, providers: { kubernetes: provider, aws: region } };
    const objects = new ClusterObjects(name, { plan, cluster, network, storage }, within);
    const nodes = plan.gpu.nodes === "node-groups" ? this.#nodeGroups(plan, cluster, network, within) : [];
    const ground = [...identity.ready, ...storage.ready, ...objects.ready, ...nodes];
    this.models = new ClusterStack(
      "cluster",
      { ...inside, provider, connection: connectionTo(kubeconfig, context) },
      { ...parent, dependsOn: ground },
    ).models;
    this.registerOutputs({ models: this.models });
  }

  #nodeGroups(
    plan: AwsPlan,
    cluster: EksCluster,
    network: Network,
    opts: pulumi.ComponentResourceOptions,
  ): pulumi.Resource[] {
    const pools = plan.pools.map(
      (pool) => new GpuNodePool(pool.name, { plan, pool, cluster, network }, { parent: this }),
    );
    const { autoscalerImage: image } = plan.cluster;
    const autoscaler =
      image === null ? [] : new ClusterAutoscaler(plan.name, { plan, cluster, image }, opts).ready;
    return [...pools.flatMap(({ ready }) => ready), ...autoscaler];
  }
}

const connectionTo = (kubeconfig: pulumi.Input<string> | null, context: string | null) =>
  kubeconfig === null
    ? { kubeconfig, context }
    : pulumi.output(kubeconfig).apply((text): Connection => ({ kubeconfig: text, context }));
