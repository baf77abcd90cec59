import { PREFIXES, type AwsServer } from "../plan/aws-plan.ts";
import { mountpointRights } from "./mountpoint-rights.ts";
import { policy, type PolicyDocument } from "./policies.ts";

/** What the pods of a server may do in the bucket: read the adapters of its fine-tunes, and its base where it is there. */
export function serverPolicy(
  bucket: string,
  { adaptersOf, baseKey }: Omit<AwsServer, "key">,
): PolicyDocument {
  const adapters = adaptersOf.map((name) => `${PREFIXES.adapters}/${name}`);
  const folders = [...adapters, ...(baseKey === null ? [] : [baseKey])];
  return policy(...mountpointRights(`arn:aws:s3:::${bucket}`, { folders }));
}
