import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import {
  AUTOSCALER_ACCOUNT,
  autoscalerManifests,
  autoscalerPolicy,
} from "../../core/aws/cluster-autoscaler.ts";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import { declareObject } from "../kubernetes/objects.ts";
import type { EksCluster } from "./cluster.ts";
import { PodRole } from "./pod-role.ts";

export interface ClusterAutoscalerArgs {
  plan: AwsPlan;
  cluster: EksCluster;
  /** With its digest. */
  image: string;
}

/** Starts GPU nodes of node groups from zero, and ends them when they are idle. */
export class ClusterAutoscaler extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];

  constructor(
    name: string,
    { plan, cluster, image }: ClusterAutoscalerArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("tuneform:aws:ClusterAutoscaler", name, {}, opts);
    const parent = { parent: this };
    const { name: serviceAccount, namespace } = AUTOSCALER_ACCOUNT;
    const role = new PodRole(
      "cluster-autoscaler",
      { stack: plan.name, tags: plan.tags, policy: autoscalerPolicy(plan) },
      parent,
    );
    const association = new aws.eks.PodIdentityAssociation(
      "cluster-autoscaler",
      { clusterName: cluster.clusterName, namespace, serviceAccount, roleArn: role.arn, tags: plan.tags },
      { ...parent, dependsOn: role.ready },
    );
    // A pod gets its role as it starts: the association has to be there before.
    const dependsOn = [association, ...cluster.ready];
    this.ready = autoscalerManifests(plan, image).map((object) =>
      declareObject(object, { ...parent, dependsOn }, `autoscaler-${object.kind.toLowerCase()}`),
    );
    this.registerOutputs({});
  }
}
