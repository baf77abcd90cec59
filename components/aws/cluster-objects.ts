import * as pulumi from "@pulumi/pulumi";
import { networkPolicySwitch } from "../../core/aws/auto-mode.ts";
import { bucketVolume } from "../../core/aws/bucket-volume.ts";
import { karpenterManifests } from "../../core/aws/karpenter.ts";
import { storageClasses } from "../../core/aws/storage-classes.ts";
import type { Manifest } from "../../core/kubernetes/manifest.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import { declareObject } from "../kubernetes/objects.ts";
import type { EksCluster } from "./cluster.ts";
import type { Network } from "./network.ts";
import type { Storage } from "./storage.ts";

export interface ClusterObjectsArgs {
  plan: AwsPlan;
  cluster: EksCluster;
  network: Network;
  storage: Storage;
}

/** What the cluster has to know of AWS: classes of volumes, the bucket as one, and pools that it makes itself. */
export class ClusterObjects extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: ClusterObjectsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:ClusterObjects", name, {}, opts);
    const { plan, cluster, network, storage } = args;
    const dependsOn = [...cluster.ready, ...storage.ready];
    this.ready = [
      ...storageClasses(plan, storage.fileSystemId),
      bucketVolume(plan, storage.bucket),
      ...(plan.gpu.nodes === "node-groups" ? [] : this.#pools(plan, cluster, network)),
      ...(plan.gpu.nodes === "auto-mode" && plan.cluster.existing === null ? [networkPolicySwitch()] : []),
    ].map((object) => declareObject(object, { parent: this, dependsOn }));
    this.registerOutputs({});
  }

  /** By Karpenter; of node groups each is a component of its own. */
  #pools(plan: AwsPlan, { nodeRoleName }: EksCluster, network: Network): Manifest[] {
    const facts = { nodeRoleName, subnetIds: network.privateSubnetIds };
    return plan.pools.flatMap((pool) => karpenterManifests(plan, pool, facts));
  }
}
