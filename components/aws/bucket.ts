import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { BROKEN_UPLOAD_DAYS, bucketPolicy, FORMER_DAYS } from "../../core/aws/bucket.ts";

/**
 * A bucket that nobody can open: no public access, no access lists, TLS alone, encrypted, and what is replaced or
 * deleted stays for a while. `key`: of KMS, where S3's own is not enough. Options hold for each of its parts, since
 * without them the bucket would be open or would forget.
 */
export function declareBucket(
  name: string,
  args: aws.s3.BucketArgs,
  opts: pulumi.CustomResourceOptions,
  key?: aws.kms.Key,
): aws.s3.Bucket {
  const bucket = new aws.s3.Bucket(name, args, opts);
  const of = { bucket: bucket.bucket };
  const after = (...earlier: pulumi.Resource[]) => ({ ...opts, dependsOn: earlier });
  const closed = new aws.s3.BucketPublicAccessBlock(
    name,
    {
      ...of,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    opts,
  );
  // S3 takes one change of a bucket's access at a time.
  const owned = new aws.s3.BucketOwnershipControls(
    name,
    { ...of, rule: { objectOwnership: "BucketOwnerEnforced" } },
    after(closed),
  );
  new aws.s3.BucketPolicy(
    name,
    { ...of, policy: pulumi.jsonStringify(bucket.arn.apply(bucketPolicy)) },
    after(owned),
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(name, { ...of, rules: [encryption(key)] }, opts);
  const versioning = new aws.s3.BucketVersioning(
    name,
    { ...of, versioningConfiguration: { status: "Enabled" } },
    opts,
  );
  new aws.s3.BucketLifecycleConfiguration(
    name,
    {
      ...of,
      rules: [
        {
          id: "former-versions",
          status: "Enabled",
          filter: { prefix: "" },
          noncurrentVersionExpiration: { noncurrentDays: FORMER_DAYS },
          abortIncompleteMultipartUpload: { daysAfterInitiation: BROKEN_UPLOAD_DAYS },
        },
      ],
    },
    after(versioning),
  );
  return bucket;
}

const encryption = (
  key: aws.kms.Key | undefined,
): aws.types.input.s3.BucketServerSideEncryptionConfigurationRule =>
  key === undefined
    ? { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }
    : {
        applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn },
        bucketKeyEnabled: true, // one call of KMS for many objects
      };
