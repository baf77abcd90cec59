import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { trainerPolicy } from "../../core/aws/trainer-policy.ts";
import { names } from "../../core/kubernetes/names.ts";
import { clusterName, type AwsFineTune, type AwsPlan } from "../../core/plan/aws-plan.ts";
import type { EksCluster } from "./cluster.ts";
import { PodRole } from "./pod-role.ts";
import type { Storage } from "./storage.ts";

export interface IdentityArgs {
  plan: AwsPlan;
  cluster: EksCluster;
  storage: Storage;
}

/**
 * A role for each fine-tune, taken by the service account of its Job: it reads that fine-tune's data and writes that
 * fine-tune's adapters. Servers and the gateway have none, because they call nothing of AWS.
 */
export class Identity extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: IdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:Identity", name, {}, opts);
    this.ready = args.plan.fineTunes.map((fineTune) => this.#declareTrainer(args, fineTune));
    this.registerOutputs({});
  }

  #declareTrainer({ plan, cluster, storage }: IdentityArgs, fineTune: AwsFineTune): pulumi.Resource {
    const { name: stack, namespace } = plan;
    const { name, owner } = fineTune;
    const tags = { ...plan.tags, finetune: name, ...(owner === "" ? {} : { owner }) };
    const serviceAccount = names.trainer(name);
    const role = new PodRole(
      `train-${name}`,
      {
        stack,
        tags,
        account: { cluster: clusterName(plan), namespace, serviceAccount },
        policy: storage.bucket.apply((bucket) => trainerPolicy(bucket, fineTune)),
      },
      { parent: this },
    );
    return new aws.eks.PodIdentityAssociation(
      `train-${name}`,
      {
        clusterName: cluster.clusterName,
        namespace,
        serviceAccount,
        roleArn: role.arn,
        tags,
      },
      { parent: this, dependsOn: [...role.ready, ...cluster.ready] },
    );
  }
}
