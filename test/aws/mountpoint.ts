import type { Request } from "./iam.ts";

/**
 * What Mountpoint for S3 asks of a bucket (awslabs/mountpoint-s3 of 2026, `superblock` and `create_client`): as it is
 * mounted, a listing of nothing; for each part of a path, both whether it is an object and whether it is a folder.
 */
export const mounting = (bucketArn: string): Request[] => [listing(bucketArn, "")];

export function lookingUp(bucketArn: string, key: string): Request[] {
  const parts = key.split("/");
  return parts.flatMap((_, index) => {
    const path = parts.slice(0, index + 1).join("/");
    // Head of an object that may be absent: S3 says so to who may list the bucket, to others "forbidden".
    return [
      reading(bucketArn, path),
      { action: "s3:ListBucket", resource: bucketArn },
      listing(bucketArn, `${path}/`),
    ];
  });
}

export const reading = (bucketArn: string, key: string): Request => ({
  action: "s3:GetObject",
  resource: `${bucketArn}/${key}`,
});

const listing = (bucketArn: string, prefix: string): Request => ({
  action: "s3:ListBucket",
  resource: bucketArn,
  context: { "s3:prefix": prefix, "s3:delimiter": "/" },
});

/** A file that is written from beginning to end, in parts where it is large. */
export const writing = (bucketArn: string, key: string): Request[] => [
  ...lookingUp(bucketArn, key),
  { action: "s3:PutObject", resource: `${bucketArn}/${key}` },
  { action: "s3:AbortMultipartUpload", resource: `${bucketArn}/${key}` },
];
