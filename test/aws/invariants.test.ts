import { beforeAll, describe, expect, it, vi } from "vitest";
import { collect, type Collected } from "./collect.ts";
import { INVARIANTS, type Invariant } from "./invariants.ts";
import { COMBINATIONS, declare, planOf } from "./matrix.ts";
import type { Inputs } from "./mock-state.ts";
import { at, list, ofType, podsOf, usesGpu, type StackSet } from "./stack-set.ts";

// As in stack.test.ts.
vi.mock("../../components/local/provider.ts", () => ({
  localProvider: () => ({ create: () => Promise.resolve({ id: "none" }) }),
}));
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

type Change = (set: StackSet) => void;

function first<T>(found: readonly T[]): T {
  const [one] = found;
  if (one === undefined) throw new Error("the sound set has nothing to break");
  return one;
}

/** Change the inputs of the first resource of a type. */
const inputsOf =
  (type: string, change: (inputs: Inputs, resource: Collected) => void): Change =>
  (set) => {
    const found = first(ofType(set, type));
    change(found.inputs, found);
  };

const gpuPod = (set: StackSet) => first(podsOf(set).filter(usesGpu)).spec as unknown as Inputs;
const cpuPod = (set: StackSet) => first(podsOf(set).filter((pod) => !usesGpu(pod))).spec as unknown as Inputs;
const gpuGroup = (set: StackSet) => first(ofType(set, "NodeGroup").filter(({ inputs }) => inputs["taints"]));

const container = (pod: Inputs): Inputs => first(list<Inputs>(pod["initContainers"] ?? pod["containers"]));

/** Add a statement to a role's own policy. */
const allowing = (statement: object): Change =>
  inputsOf("RolePolicy", (inputs) => {
    const policy = JSON.parse(inputs["policy"] as string) as { Statement: object[] };
    policy.Statement.push({ Effect: "Allow", ...statement });
    inputs["policy"] = JSON.stringify(policy);
  });

const without = (set: StackSet, gone: (each: Collected) => boolean): void => {
  const count = set.resources.length;
  set.resources = set.resources.filter((each) => !gone(each));
  if (set.resources.length === count) throw new Error("the sound set has nothing to take away");
};

const BROKEN: [Invariant, string, Change, RegExp][] = [
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a GPU pod without tolerations",
    (set) => delete gpuPod(set)["tolerations"],
    /does not tolerate NodeGroup/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a GPU pod that goes anywhere",
    (set) => delete gpuPod(set)["nodeSelector"],
    /selects no pool/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a GPU pod that goes to each pool",
    (set) => (gpuPod(set)["nodeSelector"] = { "nvidia.com/gpu.present": "true" }),
    /or several/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a pool of another name",
    (set) => ((gpuGroup(set).inputs["labels"] as Inputs)["tuneform.dev/pool"] = "other"),
    /selects no pool/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a pod without a GPU that would hold a GPU node",
    (set) => (cpuPod(set)["tolerations"] = [{ key: "nvidia.com/gpu", operator: "Exists" }]),
    /asks for no GPU and tolerates/,
  ],
  [
    "GPU nodes are tainted in the spelling of what makes them",
    "the spelling of pods",
    (set) => (first(list<Inputs>(gpuGroup(set).inputs["taints"]))["effect"] = "NoSchedule"),
    /is not tainted/,
  ],
  [
    "GPU nodes are tainted in the spelling of what makes them",
    "no taint",
    (set) => (gpuGroup(set).inputs["taints"] = []),
    /is not tainted/,
  ],
  [
    "GPU pods fit each instance of their pool",
    "a pod larger than its node",
    (set) => ((at(container(gpuPod(set)), "resources", "requests") as Inputs)["memory"] = "900Gi"),
    /does not fit g/,
  ],
  [
    "GPU pods fit each instance of their pool",
    "a pod of all cores",
    (set) => ((at(container(gpuPod(set)), "resources", "requests") as Inputs)["cpu"] = "8"),
    /does not fit g6.2xlarge/,
  ],
  [
    "GPU pods fit each instance of their pool",
    "a type that is smaller among the others",
    (set) => list<string>(gpuGroup(set).inputs["instanceTypes"]).push("g5.xlarge"),
    /does not fit g5.xlarge/,
  ],
  [
    "claims and classes that are named are declared",
    "a claim that nobody made",
    (set) => list(cpuPod(set)["volumes"]).push({ persistentVolumeClaim: { claimName: "lost" } }),
    /mounts lost/,
  ],
  [
    "claims and classes that are named are declared",
    "no workspace",
    (set) => without(set, ({ type }) => type.endsWith(":PersistentVolumeClaim")),
    /mounts workspace/,
  ],
  [
    "claims and classes that are named are declared",
    "a class that nobody made",
    (set) => without(set, ({ name }) => name === "storageclass-tuneform-efs"),
    /names class tuneform-efs/,
  ],
  [
    "images are pinned by their digests",
    "a tag",
    (set) => (container(gpuPod(set))["image"] = "trainer:latest"),
    /trainer:latest, which is not pinned/,
  ],
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
    (type): (typeof BROKEN)[number] => [
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
  ...["Bucket", "BucketVersioning", "FileSystem", "Key", "Namespace", "PersistentVolumeClaim"].map(
    (type): (typeof BROKEN)[number] => [
      "what holds data is kept",
      `a ${type} that can be destroyed`,
      inputsOf(type, (_inputs, resource) => (resource.protect = false)),
      new RegExp(`^${type} \\S+ is not protected`),
    ],
  ),
  ...["Bucket", "FileSystem"].map((type): (typeof BROKEN)[number] => [
    "what holds data is kept",
    `a ${type} that goes with the stack`,
    inputsOf(type, (_inputs, resource) => (resource.retainOnDelete = false)),
    new RegExp(`^${type} \\S+ does not stay`),
  ]),
  [
    "pods are restricted",
    "the host's network",
    (set) => (gpuPod(set)["hostNetwork"] = true),
    /Host namespaces/,
  ],
  [
    "pods are restricted",
    "a namespace that lets everything run",
    inputsOf("Namespace", (inputs) => delete (inputs["metadata"] as Inputs)["labels"]),
    /does not enforce/,
  ],
  [
    "the device plugin is where an image lacks it",
    "no plugin",
    (set) => without(set, ({ type }) => type.endsWith(":DaemonSet")),
    /0 device plugins/,
  ],
  [
    "the device plugin is where an image lacks it",
    "an image that has it",
    (set) => (set.plan.aws!.gpu.ami = "bottlerocket"),
    /1 device plugins/,
  ],
  [
    "the device plugin is where an image lacks it",
    "a pool that it does not find",
    (set) => delete (gpuGroup(set).inputs["labels"] as Inputs)["nvidia.com/gpu.present"],
    /does not run on NodeGroup/,
  ],
  [
    "each URN is of one resource",
    "the same twice",
    (set) => set.resources.push(first(set.resources)),
    /^urn:pulumi:/,
  ],
];

describe("the rules report", () => {
  let sound: StackSet;

  beforeAll(async () => {
    const plan = await planOf(first(COMBINATIONS));
    sound = { plan, ...(await collect(() => declare(plan))) };
  });

  it.each(BROKEN)("not kept: %s: %s", (invariant, _what, change, fault) => {
    const set = structuredClone(sound);
    expect(INVARIANTS[invariant](set)).toEqual([]);
    change(set);
    const faults = INVARIANTS[invariant](set);
    expect(
      faults.some((each) => fault.test(each)),
      faults.join("\n") || "reported nothing",
    ).toBe(true);
  });

  it("something for each of them", () => {
    expect(new Set(BROKEN.map(([invariant]) => invariant))).toEqual(new Set(Object.keys(INVARIANTS)));
  });
});
