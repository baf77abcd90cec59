import { policy, type PolicyDocument } from "./policies.ts";

/** What a key of a cluster is used by. */
export interface ClusterKeyUse {
  /** ARN of the cluster's role. */
  clusterRole: string;
  region: string;
  /** Of the control plane. */
  logGroup: string;
}

/**
 * Policy of the key of a cluster: its role for Kubernetes Secrets, and CloudWatch for one group of logs. In the policy
 * of a key `*` is that key, and nothing else. The account keeps every right, as in AWS's own default, or a key could
 * be made that nobody may manage or delete; IAM says who of the account has them.
 */
export function clusterKeyPolicy({ clusterRole, region, logGroup }: ClusterKeyUse): PolicyDocument {
  const [, partition, , , account] = clusterRole.split(":");
  return policy(
    {
      Sid: "Account",
      Effect: "Allow",
      Principal: { AWS: `arn:${partition}:iam::${account}:root` },
      Action: "kms:*",
      Resource: "*",
    },
    {
      Sid: "Secrets",
      Effect: "Allow",
      Principal: { AWS: clusterRole },
      Action: ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:ListGrants"],
      Resource: "*",
    },
    {
      Sid: "Logs",
      Effect: "Allow",
      Principal: { Service: `logs.${region}.amazonaws.com` },
      Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
      Resource: "*",
      // CloudWatch names the group with each use.
      Condition: {
        StringEquals: {
          "kms:EncryptionContext:aws:logs:arn": `arn:${partition}:logs:${region}:${account}:log-group:${logGroup}`,
        },
      },
    },
  );
}
