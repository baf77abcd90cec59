import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AwsPlan } from "../../core/plan/aws-plan.ts";
import { declareBucket } from "./bucket.ts";
import type { Network } from "./network.ts";

export interface StorageArgs {
  plan: AwsPlan;
  network: Network;
}

/**
 * What outlives every cluster: a bucket of datasets and published adapters, and the file system of workspaces. Both are
 * protected, and stay when the stack is destroyed.
 */
export class Storage extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;
  readonly fileSystemId: pulumi.Output<string>;
  /** What pods that mount the workspace wait for. */
  readonly ready: pulumi.Resource[] = [];
  readonly #plan: AwsPlan;

  constructor(name: string, { plan, network }: StorageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tuneform:aws:Storage", name, {}, opts);
    this.#plan = plan;
    this.bucket = plan.storage.bucket === null ? this.#declareBucket() : pulumi.output(plan.storage.bucket);
    this.fileSystemId = this.#declareFileSystem(network);
    this.registerOutputs({ bucket: this.bucket, fileSystemId: this.fileSystemId });
  }

  /** Of what holds data. */
  get #kept(): pulumi.CustomResourceOptions {
    return { parent: this, protect: true, retainOnDelete: true };
  }

  /** Encrypted with S3's own key: a key of ours would add cost to each read and a way to lose everything. */
  #declareBucket(): pulumi.Output<string> {
    const { name, tags } = this.#plan;
    return declareBucket("bucket", { bucketPrefix: `${name}-`, tags }, this.#kept).bucket;
  }

  #declareFileSystem(network: Network): pulumi.Output<string> {
    const parent = { parent: this };
    const { name, tags } = this.#plan;
    const files = new aws.efs.FileSystem(
      "workspaces",
      {
        encrypted: true,
        throughputMode: "elastic",
        // Old runs become cheaper by themselves, and come back when they are read.
        lifecyclePolicies: [
          { transitionToIa: "AFTER_30_DAYS" },
          { transitionToPrimaryStorageClass: "AFTER_1_ACCESS" },
        ],
        tags: { ...tags, Name: `${name}-workspaces` },
      },
      this.#kept,
    );
    new aws.efs.BackupPolicy(
      "workspaces",
      { fileSystemId: files.id, backupPolicy: { status: "ENABLED" } },
      parent,
    );
    const group = new aws.ec2.SecurityGroup(
      "workspaces",
      { vpcId: network.vpcId, description: "NFS, from inside the VPC", tags },
      parent,
    );
    const rule = new aws.vpc.SecurityGroupIngressRule(
      "workspaces",
      {
        securityGroupId: group.id,
        cidrIpv4: this.#plan.network.cidr,
        ipProtocol: "tcp",
        fromPort: 2049,
        toPort: 2049,
        tags,
      },
      parent,
    );
    const targets = network.privateSubnetIds.map(
      (subnetId, index) =>
        new aws.efs.MountTarget(
          `workspaces-${index}`,
          { fileSystemId: files.id, subnetId, securityGroups: [group.id] },
          parent,
        ),
    );
    this.ready.push(rule, ...targets);
    return files.id;
  }
}
