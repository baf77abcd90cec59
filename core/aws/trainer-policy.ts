import { PREFIXES, type AwsFineTune } from "../plan/aws-plan.ts";
import { policy, type PolicyDocument } from "./policies.ts";

/**
 * What the Job of a fine-tune may do in the bucket: read the datasets that it names, and add adapters under its own
 * name. It can delete nothing; a replaced object stays as a former version.
 */
export function trainerPolicy(bucket: string, { name, dataKeys }: AwsFineTune): PolicyDocument {
  const bucketArn = `arn:aws:s3:::${bucket}`;
  const adapters = `${PREFIXES.adapters}/${name}/`;
  return policy(
    {
      // Mountpoint looks a file up by listing its name.
      Sid: "LookUp",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: bucketArn,
      Condition: {
        StringLike: {
          "s3:prefix": [
            "",
            ...dataKeys.map((key) => `${key}*`),
            ...folders(dataKeys),
            `${adapters}*`,
            `${PREFIXES.adapters}/`,
          ],
        },
      },
    },
    ...(dataKeys.length === 0
      ? []
      : [
          {
            Sid: "ReadOwnData",
            Effect: "Allow" as const,
            Action: "s3:GetObject",
            Resource: dataKeys.map((key) => `${bucketArn}/${key}`),
          },
        ]),
    {
      Sid: "PublishOwnAdapters",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
      Resource: `${bucketArn}/${adapters}*`,
    },
  );
}

/** `datasets/`, `datasets/mail/` of `datasets/mail/spam.jsonl`: what is listed on the way to it. */
const folders = (keys: readonly string[]): string[] => [
  ...new Set(
    keys.flatMap((key) => {
      const parts = key.split("/").slice(0, -1);
      return parts.map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
    }),
  ),
];
