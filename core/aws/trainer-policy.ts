import { PREFIXES, type AwsFineTune } from "../plan/aws-plan.ts";
import { policy, type PolicyDocument } from "./policies.ts";

/**
 * What the Job of a fine-tune may do in the bucket: read the datasets that it names, and add adapters under its own
 * name. It can delete nothing; a replaced object stays as a former version.
 *
 * Two rights are wider than they look, because Mountpoint looks up each folder on the way to a file by asking for an
 * object of that name, and fails on any answer but "there is none" (mountpoint-s3, lookup; issue 891). S3 gives that
 * answer, instead of "forbidden", only to who may list the bucket, and has no `s3:prefix` to compare then (the latter
 * unverified). So names of the bucket's objects can be seen, and their contents not.
 */
export function trainerPolicy(bucket: string, { name, dataKeys }: AwsFineTune): PolicyDocument {
  const bucketArn = `arn:aws:s3:::${bucket}`;
  const adapters = `${PREFIXES.adapters}/${name}`;
  const onTheWay = [...new Set([...dataKeys, adapters].flatMap(foldersOf))];
  return policy(
    { Sid: "TellAbsentFromForbidden", Effect: "Allow", Action: "s3:ListBucket", Resource: bucketArn },
    {
      Sid: "LookUpAndReadOwnData",
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: [...onTheWay, adapters, ...dataKeys].map((key) => `${bucketArn}/${key}`),
    },
    {
      Sid: "PublishOwnAdapters",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
      Resource: `${bucketArn}/${adapters}/*`,
    },
  );
}

/** `datasets`, `datasets/mail` of `datasets/mail/spam.jsonl`. */
function foldersOf(key: string): string[] {
  const parts = key.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}
