import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { PolicyDocument } from "../../core/aws/policies.ts";
import { serverPolicy } from "../../core/aws/server-policy.ts";
import { trainerPolicy } from "../../core/aws/trainer-policy.ts";
import { names } from "../../core/kubernetes/names.ts";
import { clusterName, type AwsFineTune, type AwsPlan, type AwsServer } from "../../core/plan/aws-plan.ts";
import type { EksCluster } from "./cluster.ts";
import { PodRole } from "./pod-role.ts";
import type { Storage } from "./storage.ts";

export interface IdentityArgs {
  plan: AwsPlan;
  cluster: EksCluster;
  storage: Storage;
}

/** What a service account gets. */
interface Grant {
  serviceAccount: string;
  tags: Record<string, string>;
  policy: (bucket: string) => PolicyDocument;
}

/**
 * A role for each fine-tune, taken by the service account of its Job: it reads that fine-tune's data and writes what
 * that fine-tune publishes. One for each server that reads the bucket, taken by its own. The gateway has none, because
 * it calls nothing of AWS.
 */
export class Identity extends pulumi.ComponentResource {
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: IdentityArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:Identity", name, {}, opts);
    const { fineTunes, servers } = args.plan;
    this.ready = [
      ...fineTunes.map((fineTune) => this.#declareTrainer(args, fineTune)),
      ...servers.map((server) => this.#declareServer(args, server)),
    ];
    this.registerOutputs({});
  }

  #declareTrainer(args: IdentityArgs, fineTune: AwsFineTune): pulumi.Resource {
    const { name, owner } = fineTune;
    return this.#grant(`train-${name}`, args, {
      serviceAccount: names.trainer(name),
      tags: { finetune: name, ...(owner === "" ? {} : { owner }) },
      policy: (bucket) => trainerPolicy(bucket, fineTune, args.plan.storage),
    });
  }

  /** Of none of its fine-tunes alone, so that it has no tag of one. */
  #declareServer(args: IdentityArgs, server: AwsServer): pulumi.Resource {
    return this.#grant(`serve-${server.key}`, args, {
      serviceAccount: names.server(server.key),
      tags: {},
      policy: (bucket) => serverPolicy(bucket, server),
    });
  }

  #grant(name: string, { plan, cluster, storage }: IdentityArgs, grant: Grant): pulumi.Resource {
    const { name: stack, namespace } = plan;
    const { serviceAccount } = grant;
    const tags = { ...plan.tags, ...grant.tags };
    const role = new PodRole(
      name,
      {
        stack,
        tags,
        account: { cluster: clusterName(plan), namespace, serviceAccount },
        policy: storage.bucket.apply(grant.policy),
      },
      { parent: this },
    );
    return new aws.eks.PodIdentityAssociation(
      name,
      { clusterName: cluster.clusterName, namespace, serviceAccount, roleArn: role.arn, tags },
      { parent: this, dependsOn: [...role.ready, ...cluster.ready] },
    );
  }
}
