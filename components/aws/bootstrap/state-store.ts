import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import {
  BOOTSTRAP_TAGS,
  stateBucketName,
  type BootstrapSettings,
  type StateStore as Arns,
} from "../../../core/aws/bootstrap-facts.ts";
import { declareBucket } from "../bucket.ts";

/**
 * Where the states of all stacks lie: a bucket that keeps former versions, its key, and another key for the
 * secrets inside the states. All of it is protected: without it no stack can be changed or removed.
 */
export class StateStore extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;
  readonly secretsKeyArn: pulumi.Output<string>;
  readonly arns: pulumi.Output<Arns>;

  constructor(
    name: string,
    { settings }: { settings: BootstrapSettings },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("tuneform:aws:StateStore", name, {}, opts);
    const kept = { parent: this, protect: true };
    const bucketKey = this.#key("state", "states of stacks", kept);
    const secretsKey = this.#key("secrets", "secrets inside the states of stacks", kept);
    const named = { bucket: stateBucketName(settings), tags: BOOTSTRAP_TAGS };
    const bucket = declareBucket("state", named, kept, bucketKey);
    this.bucket = bucket.bucket;
    this.secretsKeyArn = secretsKey.arn;
    this.arns = pulumi.output({
      bucketArn: bucket.arn,
      bucketKeyArn: bucketKey.arn,
      secretsKeyArn: secretsKey.arn,
    });
    this.registerOutputs({ bucket: this.bucket, secretsKeyArn: this.secretsKeyArn });
  }

  /** The account's own IAM policies say who may use it: AWS's default key policy. */
  #key(name: string, what: string, opts: pulumi.CustomResourceOptions): aws.kms.Key {
    const key = new aws.kms.Key(
      `${name}-key`,
      {
        description: `Tuneform: ${what}`,
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        tags: BOOTSTRAP_TAGS,
      },
      opts,
    );
    new aws.kms.Alias(`${name}-alias`, { name: `alias/tuneform-${name}`, targetKeyId: key.keyId }, opts);
    return key;
  }
}
