import type { Statement } from "./policies.ts";

/** What a role reads in a bucket, by key. */
export interface Read {
  /** Objects. */
  objects?: readonly string[];
  /** Folders with all that lies below them, without the last slash. */
  folders?: readonly string[];
}

/**
 * Rights to read through Mountpoint for S3. Two are wider than they look, because it looks up each folder on the way to
 * a file by asking for an object of that name, and fails on any answer but "there is none" (mountpoint-s3, lookup;
 * issue 891). S3 gives that answer, instead of "forbidden", only to who may list the bucket, and has no `s3:prefix` to
 * compare then (the latter unverified). So names of the bucket's objects can be seen, and their contents not.
 */
export function mountpointRights(bucketArn: string, { objects = [], folders = [] }: Read): Statement[] {
  const onTheWay = new Set([...objects, ...folders].flatMap(foldersOf));
  const keys = [...onTheWay, ...folders, ...folders.map((folder) => `${folder}/*`), ...objects];
  return [
    { Sid: "TellAbsentFromForbidden", Effect: "Allow", Action: "s3:ListBucket", Resource: bucketArn },
    {
      Sid: "LookUpAndRead",
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: [...new Set(keys)].map((key) => `${bucketArn}/${key}`),
    },
  ];
}

/** `datasets`, `datasets/mail` of `datasets/mail/spam.jsonl`. */
function foldersOf(key: string): string[] {
  const parts = key.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}
