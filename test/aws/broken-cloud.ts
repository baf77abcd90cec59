import { allowing, first, inputsOf, type Broken } from "./breaking.ts";
import type { Inputs } from "./mock-state.ts";
import { list } from "./stack-set.ts";

/** An account that is open, untagged or could lose what it holds. */
export const BROKEN_CLOUD: Broken[] = [
  [
    "permissions name resources and actions",
    "every resource",
    allowing({ Action: "s3:GetObject", Resource: "*" }),
    /allows s3:GetObject on \*/,
  ],
  [
    "permissions name resources and actions",
    "every resource, with an action that needs it beside",
    allowing({ Action: ["ec2:DescribeImages", "ec2:RunInstances"], Resource: "*" }),
    /on \*/,
  ],
  [
    "permissions name resources and actions",
    "every bucket",
    allowing({ Action: "s3:GetObject", Resource: "arn:aws:s3:::*" }),
    /on arn:aws:s3:::\*/,
  ],
  [
    "permissions name resources and actions",
    "every group, without a condition",
    allowing({ Action: "a:B", Resource: "arn:aws:autoscaling:us-east-1:*:autoScalingGroup:*" }),
    /autoScalingGroup:\*/,
  ],
  [
    "permissions name resources and actions",
    "every action",
    allowing({ Action: "s3:*", Resource: "arn:aws:s3:::own/*" }),
    /allows s3:\*/,
  ],
  [
    "permissions name resources and actions",
    "all but one action",
    allowing({ NotAction: "iam:PassRole", Resource: "arn:aws:s3:::own/*" }),
    /all but what it names/,
  ],
  [
    "permissions name resources and actions",
    "a bucket for everyone",
    inputsOf("aws:s3/bucketPolicy:BucketPolicy", (inputs) => {
      const statement = {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::own/*",
      };
      inputs["policy"] = JSON.stringify({ Statement: [statement] });
    }),
    /BucketPolicy bucket allows everyone/,
  ],
  [
    "nothing is public",
    "a subnet with public addresses",
    inputsOf("Subnet", (inputs) => (inputs["mapPublicIpOnLaunch"] = true)),
    /Subnet \S+ gives public addresses/,
  ],
  [
    "nothing is public",
    "an API that says nothing of who reaches it",
    inputsOf("aws:eks/cluster:Cluster", (inputs) => (inputs["vpcConfig"] = { endpointPublicAccess: true })),
    /an API that everyone reaches/,
  ],
  [
    "nothing is public",
    "an API that everyone reaches",
    inputsOf("aws:eks/cluster:Cluster", (inputs) => {
      inputs["vpcConfig"] = { endpointPublicAccess: true, publicAccessCidrs: ["10.0.0.0/8", "0.0.0.0/0"] };
    }),
    /an API that everyone reaches/,
  ],
  [
    "nothing is public",
    "a bucket whose block has a hole",
    inputsOf("BucketPublicAccessBlock", (inputs) => (inputs["blockPublicPolicy"] = false)),
    /Bucket bucket may become public/,
  ],
  [
    "nothing is public",
    "a file system for all",
    inputsOf("SecurityGroupIngressRule", (inputs) => (inputs["cidrIpv4"] = "0.0.0.0/0")),
    /lets everyone in/,
  ],
  [
    "nothing is public",
    "a group for all of IPv6",
    inputsOf("SecurityGroup", (inputs) => (inputs["ingress"] = [{ ipv6CidrBlocks: ["::/0"] }])),
    /lets everyone in/,
  ],
  [
    "nothing is public",
    "machines with public addresses",
    inputsOf("LaunchTemplate", (inputs) => {
      inputs["networkInterfaces"] = [{ associatePublicIpAddress: "true" }];
    }),
    /LaunchTemplate \S+ gives public addresses/,
  ],
  [
    "nothing is public",
    "a balancer",
    inputsOf("Service", (inputs) => ((inputs["spec"] as Inputs)["type"] = "LoadBalancer")),
    /open to the world/,
  ],
  ...["Cluster", "NodeGroup", "Bucket", "Role", "Vpc", "FileSystem", "Budget", "Addon", "Key"].map(
    (type): Broken => [
      "everything that takes tags has the stack's",
      `a ${type} without tags`,
      inputsOf(type, (inputs) => delete inputs["tags"]),
      new RegExp(`^${type} \\S+ lacks tag project`),
    ],
  ),
  [
    "everything that takes tags has the stack's",
    "a disk without tags",
    inputsOf("LaunchTemplate", (inputs) => list(inputs["tagSpecifications"]).splice(1, 1)),
    /starts a volume without tag project/,
  ],
  ["no cloud is asked", "a call", (set) => set.invokes.push("aws:index/getRegion"), /getRegion/],
  ["no cloud is asked", "a reading", (set) => set.reads.push("aws:ec2/vpc:Vpc vpc-0"), /vpc-0/],
  ...["Bucket", "BucketVersioning", "FileSystem", "Key"].map((type): Broken => [
    "what holds data is kept",
    `a ${type} that can be destroyed`,
    inputsOf(type, (_inputs, resource) => (resource.protect = false)),
    new RegExp(`^${type} \\S+ is not protected`),
  ]),
  ...["Bucket", "FileSystem"].map((type): Broken => [
    "what holds data is kept",
    `a ${type} that goes with the stack`,
    inputsOf(type, (_inputs, resource) => (resource.retainOnDelete = false)),
    new RegExp(`^${type} \\S+ does not stay`),
  ]),
  [
    "each URN is of one resource",
    "the same twice",
    (set) => set.resources.push(first(set.resources)),
    /^urn:pulumi:/,
  ],
];
