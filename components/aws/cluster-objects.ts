import * as pulumi from "@pulumi/pulumi";
import { networkPolicySwitch } from "../../core/aws/auto-mode.ts";
import { bucketVolume } from "../../core/aws/bucket-volume.ts";
import { karpenterManifests } from "../../core/aws/karpenter.ts";
import { storageClasses } from "../../core/aws/storage-classes.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import { declareObject, type KubernetesObject } from "../kubernetes/objects.ts";
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
    const declare = (object: KubernetesObject) => declareObject(object, { parent: this, dependsOn });
    const classes = storageClasses(plan, "").map((made, index) => ({
      ...made,
      parameters: storage.fileSystemId.apply((id) => storageClasses(plan, id)[index]?.parameters ?? {}),
    }));
    const volume = bucketVolume(plan, "");
    const spec = storage.bucket.apply((bucket) => bucketVolume(plan, bucket).spec);
    this.ready = [...classes, { ...volume, spec }].map(declare);
    if (plan.gpu.nodes === "auto-mode" && plan.cluster.existing === null)
      this.ready.push(declare(networkPolicySwitch()));
    if (plan.gpu.nodes !== "node-groups") this.ready.push(...this.#pools(plan, cluster, network, declare));
    this.registerOutputs({});
  }

  #pools(
    plan: AwsPlan,
    { nodeRoleName }: EksCluster,
    { privateSubnetIds }: Network,
    declare: (object: KubernetesObject) => pulumi.Resource,
  ): pulumi.Resource[] {
    const facts = pulumi.all([nodeRoleName, pulumi.all(privateSubnetIds)]);
    return plan.pools.flatMap((pool) =>
      karpenterManifests(plan, pool, { nodeRoleName: "", subnetIds: [] }).map((made, index) => {
        const spec = facts.apply(
          ([role, subnetIds]) =>
            (karpenterManifests(plan, pool, { nodeRoleName: role, subnetIds })[index] as { spec?: object })
              .spec,
        );
        return declare({ ...made, spec } as KubernetesObject);
      }),
    );
  }
}
