import { BOUNDARY_NAME, ROLE_NAMES, type BootstrapSettings, type StateStore } from "./bootstrap-facts.ts";
import { policy, type PolicyDocument, type Statement } from "./policies.ts";
import { GITHUB_ISSUER } from "./github-trust.ts";

const deny = (Sid: string, Action: string[], Resource: string[]): Statement => ({
  Sid,
  Effect: "Deny",
  Action,
  Resource,
});

/** What the deploy role's services are; its boundary grants nothing, and takes everything else away. */
const SERVICES = ["eks", "ec2", "autoscaling", "iam", "kms", "logs", "s3", "elasticfilesystem", "budgets"];

/**
 * Above all policies of the deploy role, also those that somebody attaches later: no other service, no users,
 * and nothing of the bootstrap itself, which the role could else use to make itself larger.
 */
export function deployBoundary(
  { bucketArn, bucketKeyArn, secretsKeyArn }: StateStore,
  { accountId }: Pick<BootstrapSettings, "accountId">,
): PolicyDocument {
  const iam = (resource: string) => `arn:aws:iam::${accountId}:${resource}`;
  return policy(
    { Sid: "Services", Effect: "Allow", Action: SERVICES.map((service) => `${service}:*`), Resource: ["*"] },
    deny("NoUsers", ["iam:*User*", "iam:*AccessKey*", "iam:*LoginProfile*", "iam:*Group*"], ["*"]),
    deny(
      "NotItself",
      ["iam:Put*", "iam:Attach*", "iam:Detach*", "iam:Delete*", "iam:Update*", "iam:Create*", "iam:PassRole"],
      [
        ...Object.values(ROLE_NAMES).map((name) => iam(`role/${name}`)),
        iam(`policy/${ROLE_NAMES.deploy}-*`),
        iam(`policy/${BOUNDARY_NAME}`),
        iam(`oidc-provider/${GITHUB_ISSUER}`),
      ],
    ),
    deny(
      "NotTheStateBucket",
      ["s3:DeleteBucket*", "s3:PutBucket*", "s3:Put*Configuration", "s3:DeleteObjectVersion"],
      [bucketArn, `${bucketArn}/*`],
    ),
    deny(
      "NotItsKeys",
      ["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:Put*"],
      [bucketKeyArn, secretsKeyArn],
    ),
  );
}
