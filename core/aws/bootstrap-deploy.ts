import { STACK_PREFIX, STACK_PROJECT, type BootstrapSettings, type StateStore } from "./bootstrap-facts.ts";
import { policy, type PolicyDocument, type Statement } from "./policies.ts";

type Account = Pick<BootstrapSettings, "accountId" | "region">;

const allow = (Sid: string, Action: string[], Resource: string[], Condition?: Statement["Condition"]) =>
  ({ Sid, Effect: "Allow", Action, Resource, ...(Condition === undefined ? {} : { Condition }) }) as const;

/** Tagged as a stack's: AWS names many things itself, so that a name cannot tell whose they are. */
const OF_A_STACK = { StringEquals: { "aws:ResourceTag/project": STACK_PROJECT } };
const FOR_A_STACK = { StringEquals: { "aws:RequestTag/project": STACK_PROJECT } };

/**
 * Policies of the role that runs `pulumi up`, by the ends of their names. Several, since IAM takes 6,144
 * characters of one.
 */
export function deployPolicies(
  store: StateStore,
  account: Account,
): Record<"state" | "cluster" | "data", PolicyDocument> {
  return {
    state: statePolicy(store),
    cluster: policy(...clusterStatements(account), ...networkStatements(account)),
    data: policy(...identityStatements(account), ...keyStatements(account), ...dataStatements(account)),
  };
}

/** Exactly what Pulumi's S3 backend takes (its page on DIY backends): objects, and locks beside them. */
function statePolicy({ bucketArn, bucketKeyArn, secretsKeyArn }: StateStore): PolicyDocument {
  return policy(
    allow("ListState", ["s3:ListBucket"], [bucketArn]),
    allow("State", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [`${bucketArn}/.pulumi/*`]),
    allow("StateKey", ["kms:Decrypt", "kms:GenerateDataKey"], [bucketKeyArn]),
    allow("SecretsKey", ["kms:Encrypt", "kms:Decrypt"], [secretsKeyArn]),
  );
}

function clusterStatements({ accountId, region }: Account): Statement[] {
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${accountId}:${resource}`;
  return [
    allow(
      "Eks",
      ["eks:*"],
      ["cluster", "nodegroup", "addon", "access-entry", "podidentityassociation"].map((kind) =>
        arn("eks", `${kind}/${STACK_PREFIX}*`),
      ),
    ),
    // A cluster that is not there yet has no name to IAM, and versions of add-ons belong to nobody.
    allow("MakeCluster", ["eks:CreateCluster"], ["*"], FOR_A_STACK),
    allow("AddonVersions", ["eks:DescribeAddonVersions", "eks:DescribeAddonConfiguration"], ["*"]),
    // A node group's scaling group is named by EKS.
    allow(
      "NodeGroupTags",
      [
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:DeleteTags",
        "autoscaling:PutScheduledUpdateGroupAction",
        "autoscaling:DeleteScheduledAction",
      ],
      [arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/eks-*")],
    ),
    allow(
      "Logs",
      [
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:PutRetentionPolicy",
        "logs:DeleteRetentionPolicy",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
        "logs:TagResource",
        "logs:UntagResource",
        "logs:ListTagsForResource",
      ],
      [arn("logs", `log-group:/aws/eks/${STACK_PREFIX}*`)],
    ),
    // None of these takes a resource.
    allow(
      "ReadWhatHasNoNames",
      ["ec2:Describe*", "autoscaling:Describe*", "logs:DescribeLogGroups", "kms:ListAliases"],
      ["*"],
      { StringEquals: { "aws:RequestedRegion": region } },
    ),
  ];
}

/** Written out: IAM takes no wildcard for the kind in an ARN. */
const NETWORK_KINDS = [
  "elastic-ip",
  "internet-gateway",
  "launch-template",
  "natgateway",
  "network-interface",
  "route-table",
  "security-group",
  "security-group-rule",
  "subnet",
  "vpc",
  "vpc-endpoint",
];
const INSTANCE_KINDS = ["instance", "volume"];

/** A network, launch templates, and, since EKS asks for it of who makes a node group, instances from these. */
function networkStatements({ accountId, region }: Account): Statement[] {
  const arns = (kinds: string[]) => kinds.map((kind) => `arn:aws:ec2:${region}:${accountId}:${kind}/*`);
  const network = arns(NETWORK_KINDS);
  return [
    allow(
      "MakeNetwork",
      [
        "AllocateAddress",
        "CreateInternetGateway",
        "CreateLaunchTemplate",
        "CreateNatGateway",
        "CreateRouteTable",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateVpc",
        "CreateVpcEndpoint",
        "CreateTags",
        "RunInstances",
        // Takes a permission away; the default group of a new VPC, which gets emptied, has no tag yet.
        "RevokeSecurityGroup*",
      ].map((action) => `ec2:${action}`),
      // Images and their snapshots belong to AWS.
      [
        ...network,
        ...arns(INSTANCE_KINDS),
        `arn:aws:ec2:${region}::image/*`,
        `arn:aws:ec2:${region}::snapshot/*`,
      ],
    ),
    allow(
      "ChangeNetwork",
      [
        "AssociateRouteTable",
        "AttachInternetGateway",
        "AuthorizeSecurityGroup*",
        "CreateLaunchTemplateVersion",
        "CreateRoute",
        "Delete*",
        "DetachInternetGateway",
        "DisassociateAddress",
        "DisassociateRouteTable",
        "Modify*",
        "ReleaseAddress",
        "ReplaceRoute*",
      ].map((action) => `ec2:${action}`),
      network,
      OF_A_STACK,
    ),
  ];
}

/** AWS's own policies that roles of a stack carry; others cannot be attached. */
const MANAGED_POLICIES = ["AmazonEKS*", "AmazonEC2ContainerRegistryPull*", "AmazonEBSCSIDriver*"];

function identityStatements({ accountId }: Account): Statement[] {
  const roles = [`arn:aws:iam::${accountId}:role/${STACK_PREFIX}*`];
  return [
    allow(
      "Roles",
      [
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListRolePolicies",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
      ].map((action) => `iam:${action}`),
      roles,
    ),
    allow("ManagedPolicies", ["iam:AttachRolePolicy", "iam:DetachRolePolicy"], roles, {
      ArnLike: {
        "iam:PolicyARN": [
          ...MANAGED_POLICIES.map((name) => `arn:aws:iam::aws:policy/${name}`),
          "arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy",
        ],
      },
    }),
    allow("PassRoles", ["iam:PassRole"], roles, {
      StringEquals: {
        "iam:PassedToService": ["eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com"],
      },
    }),
    // Made once an account, by the first cluster, node group, scaling group, spot node and file system.
    allow(
      "ServiceRoles",
      ["iam:CreateServiceLinkedRole"],
      [`arn:aws:iam::${accountId}:role/aws-service-role/*`],
      {
        StringEquals: {
          "iam:AWSServiceName": [
            "eks.amazonaws.com",
            "eks-nodegroup.amazonaws.com",
            "autoscaling.amazonaws.com",
            "spot.amazonaws.com",
            "elasticfilesystem.amazonaws.com",
          ],
        },
      },
    ),
  ];
}

function keyStatements({ accountId, region }: Account): Statement[] {
  const keys = [`arn:aws:kms:${region}:${accountId}:key/*`];
  const aliases = [`arn:aws:kms:${region}:${accountId}:alias/${STACK_PREFIX}*`];
  return [
    // A key that is not there yet has no name.
    allow("MakeKeys", ["kms:CreateKey", "kms:TagResource"], ["*"], FOR_A_STACK),
    allow(
      "Keys",
      [
        "Describe*",
        "Get*",
        "List*",
        "EnableKeyRotation",
        "PutKeyPolicy",
        "ScheduleKeyDeletion",
        "TagResource",
      ].map((action) => `kms:${action}`),
      keys,
      OF_A_STACK,
    ),
    allow("KeysOfServices", ["kms:CreateGrant"], keys, {
      ...OF_A_STACK,
      Bool: { "kms:GrantIsForAWSResource": "true" },
    }),
    allow("Aliases", ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], aliases),
    allow("AliasedKeys", ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], keys, OF_A_STACK),
  ];
}

/** Settings of buckets and file systems, and no object of them: whoever deploys reads no data. */
function dataStatements({ accountId, region }: Account): Statement[] {
  const files = ["file-system", "access-point"].map(
    (kind) => `arn:aws:elasticfilesystem:${region}:${accountId}:${kind}/*`,
  );
  return [
    allow(
      "Buckets",
      [
        "CreateBucket",
        "DeleteBucket",
        "DeleteBucketPolicy",
        "GetBucket*",
        "GetEncryptionConfiguration",
        "GetLifecycleConfiguration",
        "ListBucket",
        "PutBucket*",
        "PutEncryptionConfiguration",
        "PutLifecycleConfiguration",
      ].map((action) => `s3:${action}`),
      [`arn:aws:s3:::${STACK_PREFIX}*`],
    ),
    // One that is not there yet has no name.
    allow("MakeFiles", ["elasticfilesystem:CreateFileSystem"], ["*"], FOR_A_STACK),
    allow("Files", ["elasticfilesystem:*"], files, OF_A_STACK),
    allow(
      "Budgets",
      ["budgets:ModifyBudget", "budgets:ViewBudget", "budgets:*Tag*Resource"],
      [`arn:aws:budgets::${accountId}:budget/${STACK_PREFIX}*`],
    ),
  ];
}
