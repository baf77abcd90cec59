import { PREFIXES, type AwsFineTune } from "../plan/aws-plan.ts";
import type { AwsSettings } from "../spec/aws.ts";
import { mountpointRights } from "./mountpoint-rights.ts";
import { policy, type PolicyDocument } from "./policies.ts";

/**
 * What the Job of a fine-tune may do in the bucket: read the datasets that it names and, where bases lie there, all of
 * these, since the gate scores what serves today on its own base, which may be a former one; add adapters and entries
 * of the registry under its own name. It can delete nothing; a replaced object stays as a former version.
 */
export function trainerPolicy(
  bucket: string,
  { name, dataKeys }: AwsFineTune,
  { bases }: Pick<AwsSettings["storage"], "bases">,
): PolicyDocument {
  const bucketArn = `arn:aws:s3:::${bucket}`;
  const published = [PREFIXES.adapters, PREFIXES.registry].map((prefix) => `${prefix}/${name}`);
  const models = bases === "bucket" ? [PREFIXES.models] : [];
  return policy(...mountpointRights(bucketArn, { objects: dataKeys, folders: [...published, ...models] }), {
    Sid: "PublishOwn",
    Effect: "Allow",
    Action: ["s3:PutObject", "s3:AbortMultipartUpload"],
    Resource: published.map((folder) => `${bucketArn}/${folder}/*`),
  });
}
