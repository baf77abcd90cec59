"""Which AWS calls make which Pulumi resource, and how names differ between the two.

A row is the call that makes a resource, then calls that take some of its inputs. Inputs without a rename go
by their own name, in whatever capitals. A target is a path: `a.b` an object in an object, `a[].b` one in a
list of one.
"""

from typing import Any

from api_call import Call

SOME_ID = "id-0123456789abcdef0"


def pairs(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


def ec2(operation: str, tagged: str | None = None, **more: Any) -> Call:
    """EC2 tags what it makes in a list of its own, by kind."""
    form = lambda tags: [{"ResourceType": tagged, "Tags": pairs(tags)}]  # noqa: E731
    return Call("ec2", operation, tags=None if tagged is None else ("TagSpecifications", form), **more)


def eks(operation: str, **more: Any) -> Call:
    return Call("eks", operation, tags=("tags", dict), **more)


def iam(operation: str, **more: Any) -> Call:
    return Call("iam", operation, tags=("Tags", pairs), **more)


def s3(operation: str, **more: Any) -> Call:
    return Call("s3", operation, **more)


def template_tags(specifications: Any) -> Any:
    return [{**each, "tags": pairs(each["tags"])} for each in specifications]


def notifications(given: Any) -> Any:
    return [
        {
            "Notification": {key: value for key, value in each.items() if not key.startswith("subscriber")},
            "Subscribers": [
                {"SubscriptionType": "EMAIL", "Address": address}
                for address in each.get("subscriberEmailAddresses", [])
            ],
        }
        for each in given
    ]


MONTHS = [30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
RETENTION = [1, 3, 5, 7, 14, *MONTHS]
ENTRY_TYPES = [
    "STANDARD",
    "FARGATE_LINUX",
    "EC2_LINUX",
    "EC2_WINDOWS",
    "EC2",
    "HYBRID_LINUX",
    "HYPERPOD_LINUX",
]

RESOURCES: dict[str, list[Call]] = {
    "aws:ec2/vpc:Vpc": [
        ec2("CreateVpc", "vpc"),
        # The API takes one attribute a call; the provider makes two.
        *(
            ec2(
                "ModifyVpcAttribute", fields=(name,), rename={name: f"{name}.Value"}, given={"VpcId": SOME_ID}
            )
            for name in ("enableDnsHostnames", "enableDnsSupport")
        ),
    ],
    "aws:ec2/subnet:Subnet": [
        ec2("CreateSubnet", "subnet"),
        ec2(
            "ModifySubnetAttribute",
            fields=("mapPublicIpOnLaunch",),
            rename={"mapPublicIpOnLaunch": "MapPublicIpOnLaunch.Value"},
            given={"SubnetId": SOME_ID},
        ),
    ],
    "aws:ec2/internetGateway:InternetGateway": [
        ec2("CreateInternetGateway", "internet-gateway"),
        ec2("AttachInternetGateway", fields=("vpcId",), given={"InternetGatewayId": SOME_ID}),
    ],
    "aws:ec2/eip:Eip": [ec2("AllocateAddress", "elastic-ip")],
    "aws:ec2/natGateway:NatGateway": [ec2("CreateNatGateway", "natgateway")],
    "aws:ec2/routeTable:RouteTable": [ec2("CreateRouteTable", "route-table")],
    "aws:ec2/routeTableAssociation:RouteTableAssociation": [ec2("AssociateRouteTable")],
    "aws:ec2/route:Route": [ec2("CreateRoute")],
    "aws:ec2/vpcEndpoint:VpcEndpoint": [ec2("CreateVpcEndpoint", "vpc-endpoint")],
    "aws:ec2/securityGroup:SecurityGroup": [
        ec2("CreateSecurityGroup", "security-group", name=("GroupName", "name", "namePrefix"))
    ],
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": [
        Call(
            "ec2",
            "CreateTags",
            tags=("Tags", pairs),
            given={"Resources[]": SOME_ID},
            dropped={"vpcId": "finds the group, which the VPC brought; its rules are revoked"},
        )
    ],
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": [
        ec2(
            "AuthorizeSecurityGroupIngress",
            "security-group-rule",
            under="IpPermissions[].",
            rename={"securityGroupId": "GroupId", "cidrIpv4": "IpPermissions[].IpRanges[].CidrIp"},
        )
    ],
    "aws:ec2/launchTemplate:LaunchTemplate": [
        ec2(
            "CreateLaunchTemplate",
            "launch-template",
            name=("LaunchTemplateName", "name", "namePrefix"),
            under="LaunchTemplateData.",
            form={"tagSpecifications": template_tags},
        )
    ],
    "aws:eks/cluster:Cluster": [
        eks(
            "CreateCluster",
            name=("name", "name", "namePrefix"),
            rename={
                "vpcConfig": "resourcesVpcConfig",
                "encryptionConfig": "encryptionConfig[]",
                "enabledClusterLogTypes": "logging.clusterLogging[].types",
            },
        )
    ],
    "aws:eks/nodeGroup:NodeGroup": [
        eks(
            "CreateNodegroup",
            name=("nodegroupName", "nodeGroupName", "nodeGroupNamePrefix"),
            rename={"nodeRoleArn": "nodeRole", "subnetIds": "subnets"},
        )
    ],
    "aws:eks/addon:Addon": [
        eks("CreateAddon", rename={"resolveConflictsOnCreate": "resolveConflicts"}),
        eks(
            "UpdateAddon",
            fields=("resolveConflictsOnUpdate",),
            rename={"resolveConflictsOnUpdate": "resolveConflicts"},
            given={"clusterName": "cluster", "addonName": "addon"},
        ),
    ],
    "aws:eks/accessEntry:AccessEntry": [eks("CreateAccessEntry", values={"type": ENTRY_TYPES})],
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": [eks("AssociateAccessPolicy")],
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": [eks("CreatePodIdentityAssociation")],
    "aws:iam/role:Role": [
        iam(
            "CreateRole",
            name=("RoleName", "name", "namePrefix"),
            rename={"assumeRolePolicy": "AssumeRolePolicyDocument"},
        )
    ],
    "aws:iam/rolePolicy:RolePolicy": [
        iam(
            "PutRolePolicy",
            name=("PolicyName", "name", "namePrefix"),
            rename={"role": "RoleName", "policy": "PolicyDocument"},
        )
    ],
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": [
        iam("AttachRolePolicy", rename={"role": "RoleName"})
    ],
    "aws:iam/policy:Policy": [
        iam("CreatePolicy", name=("PolicyName", "name", "namePrefix"), rename={"policy": "PolicyDocument"})
    ],
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": [
        iam("CreateOpenIDConnectProvider", rename={"clientIdLists": "ClientIDList"})
    ],
    "aws:kms/key:Key": [
        Call("kms", "CreateKey", tags=("Tags", lambda tags: pairs(tags, "TagKey", "TagValue"))),
        Call(
            "kms",
            "EnableKeyRotation",
            fields=("enableKeyRotation",),
            given={"KeyId": SOME_ID},
            dropped={"enableKeyRotation": "whether the call is made at all"},
        ),
        Call(
            "kms",
            "ScheduleKeyDeletion",
            fields=("deletionWindowInDays",),
            rename={"deletionWindowInDays": "PendingWindowInDays"},
            given={"KeyId": SOME_ID},
        ),
    ],
    "aws:kms/alias:Alias": [Call("kms", "CreateAlias", name=("AliasName", "name", "namePrefix"))],
    "aws:cloudwatch/logGroup:LogGroup": [
        Call("logs", "CreateLogGroup", tags=("tags", dict), name=("logGroupName", "name", "namePrefix")),
        Call(
            "logs",
            "PutRetentionPolicy",
            fields=("retentionInDays",),
            given={"logGroupName": "group"},
            values={"retentionInDays": RETENTION},
        ),
    ],
    "aws:s3/bucket:Bucket": [
        s3("CreateBucket", name=("Bucket", "bucket", "bucketPrefix")),
        s3("PutBucketTagging", fields=("tags",), tags=("Tagging.TagSet", pairs), given={"Bucket": "bucket"}),
    ],
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": [
        s3("PutPublicAccessBlock", under="PublicAccessBlockConfiguration.", rename={"bucket": "Bucket"})
    ],
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": [
        s3("PutBucketOwnershipControls", rename={"rule": "OwnershipControls.Rules[]"})
    ],
    "aws:s3/bucketVersioning:BucketVersioning": [s3("PutBucketVersioning")],
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": [
        s3("PutBucketEncryption", rename={"rules": "ServerSideEncryptionConfiguration.Rules"})
    ],
    "aws:s3/bucketPolicy:BucketPolicy": [s3("PutBucketPolicy")],
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": [
        s3("PutBucketLifecycleConfiguration", rename={"rules": "LifecycleConfiguration.Rules"})
    ],
    "aws:efs/fileSystem:FileSystem": [
        Call("efs", "CreateFileSystem", tags=("Tags", pairs), given={"CreationToken": "token"}),
        Call(
            "efs",
            "PutLifecycleConfiguration",
            fields=("lifecyclePolicies",),
            given={"FileSystemId": "fs-0123456789"},
        ),
    ],
    "aws:efs/backupPolicy:BackupPolicy": [Call("efs", "PutBackupPolicy")],
    "aws:efs/mountTarget:MountTarget": [Call("efs", "CreateMountTarget")],
    "aws:autoscaling/tag:Tag": [
        Call(
            "autoscaling",
            "CreateOrUpdateTags",
            form={"tag": lambda tag: [{"ResourceType": "auto-scaling-group", **tag}]},
            rename={"tag": "Tags", "autoscalingGroupName": "Tags[].ResourceId"},
        )
    ],
    "aws:autoscaling/schedule:Schedule": [Call("autoscaling", "PutScheduledUpdateGroupAction")],
    "aws:budgets/budget:Budget": [
        Call(
            "budgets",
            "CreateBudget",
            name=("Budget.BudgetName", "name", "namePrefix"),
            tags=("ResourceTags", pairs),
            under="Budget.",
            rename={
                "limitAmount": "Budget.BudgetLimit.Amount",
                "limitUnit": "Budget.BudgetLimit.Unit",
                "notifications": "NotificationsWithSubscribers",
            },
            form={
                "notifications": notifications,
                "costFilters": lambda filters: {each["name"]: each["values"] for each in filters},
            },
            given={"AccountId": "111122223333"},
        )
    ],
}
