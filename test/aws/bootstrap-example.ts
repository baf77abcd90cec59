import type { BootstrapSettings } from "../../core/aws/bootstrap-facts.ts";

export const ACCOUNT = "111122223333";
export const REGION = "us-east-1";
export const settings: BootstrapSettings = {
  accountId: ACCOUNT,
  region: REGION,
  organisation: "acme",
  organisationId: "12",
  repository: "models",
  repositoryId: "34",
  environment: "production",
  immutableSubjects: true,
};
export const store = {
  bucketArn: `arn:aws:s3:::tuneform-state-${ACCOUNT}-${REGION}`,
  bucketKeyArn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/11111111-1111-1111-1111-111111111111`,
  secretsKeyArn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/22222222-2222-2222-2222-222222222222`,
};
