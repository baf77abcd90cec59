import { STACK_PREFIX, STACK_PROJECT, type BootstrapSettings, type StateStore } from "./bootstrap-facts.ts";
import { policy, type PolicyDocument } from "./policies.ts";

type Account = Pick<BootstrapSettings, "accountId" | "region">;

/**
 * What `pulumi preview` of a pull request may do: read the state, decrypt its secrets, read what the stack has
 * made. It writes nothing, no lock either: a preview takes none (Preview of pkg/backend/diy/backend.go, where
 * Update takes one). Objects of the stack's buckets, which are data, are not readable.
 */
export function previewPolicy(store: StateStore, account: Account): PolicyDocument {
  return policy(
    { Sid: "ListState", Effect: "Allow", Action: ["s3:ListBucket"], Resource: [store.bucketArn] },
    {
      Sid: "ReadState",
      Effect: "Allow",
      Action: ["s3:GetObject"],
      Resource: [`${store.bucketArn}/.pulumi/*`],
    },
    {
      Sid: "Decrypt",
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      Resource: [store.bucketKeyArn, store.secretsKeyArn],
    },
    ...readStatements(account),
  );
}

/** For `--refresh` and the drift check: configurations, by name where the service can be asked by name. */
function readStatements({ accountId, region }: Account): PolicyDocument["Statement"] {
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${accountId}:${resource}`;
  return [
    {
      Sid: "ReadWhatHasNoNames",
      Effect: "Allow",
      // None of these takes a resource; they show configurations of the whole account, never data.
      Action: ["ec2:Describe*", "autoscaling:Describe*", "logs:DescribeLogGroups", "kms:ListAliases"],
      Resource: ["*"],
      Condition: { StringEquals: { "aws:RequestedRegion": region } },
    },
    {
      Sid: "ReadStack",
      Effect: "Allow",
      Action: [
        "eks:Describe*",
        "eks:List*",
        "logs:ListTagsForResource",
        "elasticfilesystem:Describe*",
        "elasticfilesystem:ListTagsForResource",
        "budgets:ViewBudget",
        "budgets:ListTagsForResource",
      ],
      Resource: [
        ...["cluster", "nodegroup", "addon", "access-entry", "podidentityassociation"].map((kind) =>
          arn("eks", `${kind}/${STACK_PREFIX}*`),
        ),
        arn("logs", `log-group:/aws/eks/${STACK_PREFIX}*`),
        // File systems are named by AWS, and their configuration says nothing of what they hold.
        arn("elasticfilesystem", "file-system/*"),
        arn("elasticfilesystem", "access-point/*"),
        `arn:aws:budgets::${accountId}:budget/${STACK_PREFIX}*`,
      ],
    },
    {
      Sid: "ReadRoles",
      Effect: "Allow",
      Action: ["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"],
      Resource: [`arn:aws:iam::${accountId}:role/${STACK_PREFIX}*`],
    },
    {
      Sid: "ReadBucketSettings",
      Effect: "Allow",
      Action: ["s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration"],
      Resource: [`arn:aws:s3:::${STACK_PREFIX}*`],
    },
    {
      Sid: "ReadKeys",
      Effect: "Allow",
      Action: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"],
      Resource: [arn("kms", "key/*")],
      Condition: { StringEquals: { "aws:ResourceTag/project": STACK_PROJECT } },
    },
  ];
}
