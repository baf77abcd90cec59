import * as pulumi from "@pulumi/pulumi";
import { clusterObjects } from "../../core/aws/cluster-objects.ts";
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

/** What the cluster has to know of AWS; see core/aws/cluster-objects.ts. */
export class ClusterObjects extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: ClusterObjectsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:ClusterObjects", name, {}, opts);
    const { plan, cluster, network, storage } = args;
    const dependsOn = [...cluster.ready, ...storage.ready];
    const facts = {
      fileSystemId: storage.fileSystemId,
      bucket: storage.bucket,
      nodeRoleName: cluster.nodeRoleName,
      subnetIds: network.privateSubnetIds,
    };
    this.ready = clusterObjects(plan, facts).map((object) =>
      declareObject(object, { parent: this, dependsOn }),
    );
    this.registerOutputs({});
  }
}
