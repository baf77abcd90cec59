import fs from "node:fs";
import path from "node:path";
import { root } from "../unit/kubernetes-example.ts";
import { bucketMountFaults, serverRightFaults } from "./bucket-invariants.ts";
import type { Collected } from "./collect.ts";
import { permissionFaults } from "./permission-invariants.ts";
import {
  devicePluginFaults,
  imageFaults,
  placementFaults,
  podSecurityFaults,
  sizeFaults,
  taintFaults,
  volumeFaults,
} from "./pod-invariants.ts";
import { at, label, list, ofType, type StackSet } from "./stack-set.ts";

const ANYWHERE = ["0.0.0.0/0", "::/0"];
const isOpen = (cidr: unknown) => ANYWHERE.includes(String(cidr));

/** What may be reached from outside, or gets an address there. */
function publicFaults(set: StackSet): string[] {
  const open = (type: string, isPublic: (each: Collected) => boolean, why: string) =>
    ofType(set, type)
      .filter(isPublic)
      .map((each) => `${label(each)} ${why}`);
  return [
    ...open(
      "aws:ec2/subnet:Subnet",
      ({ inputs }) => inputs["mapPublicIpOnLaunch"] !== false,
      "gives public addresses",
    ),
    ...open("aws:eks/cluster:Cluster", hasOpenApi, "has an API that everyone reaches"),
    ...open(
      "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
      ({ inputs }) => isOpen(inputs["cidrIpv4"]) || isOpen(inputs["cidrIpv6"]),
      "lets everyone in",
    ),
    ...open(
      "aws:ec2/securityGroup:SecurityGroup",
      ({ inputs }) =>
        list(inputs["ingress"]).some((rule) =>
          [...list(at(rule, "cidrBlocks")), ...list(at(rule, "ipv6CidrBlocks"))].some(isOpen),
        ),
      "lets everyone in",
    ),
    ...open(
      "aws:ec2/launchTemplate:LaunchTemplate",
      ({ inputs }) =>
        list(inputs["networkInterfaces"]).some((each) => at(each, "associatePublicIpAddress") === "true"),
      "gives public addresses",
    ),
    ...open("aws:s3/bucket:Bucket", (bucket) => !isBlocked(set, bucket), "may become public"),
    ...open("Service", ({ inputs }) => at(inputs, "spec", "type") === "LoadBalancer", "is open to the world"),
  ];
}

function hasOpenApi({ inputs }: Collected): boolean {
  const { endpointPublicAccess, publicAccessCidrs } = inputs["vpcConfig"] as Record<string, unknown>;
  const cidrs = list(publicAccessCidrs);
  // AWS takes no CIDRs for all of them.
  return endpointPublicAccess !== false && (cidrs.length === 0 || cidrs.some(isOpen));
}

const isBlocked = (set: StackSet, bucket: Collected): boolean =>
  ofType(set, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").some(
    ({ name, inputs }) =>
      name === bucket.name &&
      ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"].every(
        (key) => inputs[key] === true,
      ),
  );

const taggable = new Map<string, boolean>();

/** Whether resources of a type take tags, as the SDK's own declarations say. */
function takesTags(type: string): boolean {
  const known = taggable.get(type);
  if (known !== undefined) return known;
  const file = path.join(root, "node_modules", "@pulumi", ...type.split(":").slice(0, 2));
  const [, args = ""] = fs.readFileSync(`${file}.d.ts`, "utf8").split(/export interface \w+Args \{/);
  const found = /^ {4}tags\?: /m.test(args);
  taggable.set(type, found);
  return found;
}

/** Whatever is paid for says whose it is. */
function tagFaults(set: StackSet): string[] {
  const wanted = Object.entries(set.plan.aws!.tags);
  const lacks = (tags: unknown) =>
    wanted.filter(([key, value]) => at(tags, key) !== value).map(([key]) => key);
  const own = set.resources
    .filter(({ type }) => type.startsWith("aws:") && takesTags(type))
    .flatMap((each) => lacks(each.inputs["tags"]).map((key) => `${label(each)} lacks tag ${key}`));
  // Machines, disks and interfaces get theirs from what starts them.
  const started = ofType(set, "LaunchTemplate").flatMap((each) =>
    ["instance", "volume", "network-interface"].flatMap((part) => {
      const specifications = list(each.inputs["tagSpecifications"]);
      const found = specifications.find((tagged) => at(tagged, "resourceType") === part);
      return lacks(at(found, "tags")).map((key) => `${label(each)} starts a ${part} without tag ${key}`);
    }),
  );
  const classes = [...ofType(set, "EC2NodeClass"), ...ofType(set, "NodeClass")].flatMap((each) =>
    lacks(at(each.inputs, "spec", "tags")).map((key) => `${label(each)} lacks tag ${key}`),
  );
  return [...own, ...started, ...classes];
}

/** Types that hold data, or what it cannot be read without. `stays`: in the account, when the stack is gone. */
const KEPT: { type: RegExp; stays: boolean }[] = [
  { type: /^aws:s3\//, stays: true },
  { type: /^aws:efs\/fileSystem:/, stays: true },
  { type: /^aws:kms\/key:/, stays: false },
];

function keptFaults({ resources }: StackSet): string[] {
  return resources.flatMap((each) => {
    const rule = KEPT.find(({ type }) => type.test(each.type));
    if (rule === undefined) return [];
    return [
      ...(each.protect ? [] : [`${label(each)} is not protected`]),
      ...(each.retainOnDelete || !rule.stays ? [] : [`${label(each)} does not stay`]),
    ];
  });
}

/** A program that asks a cloud is not the same program everywhere. */
const callFaults = ({ invokes, reads }: StackSet): string[] => [...invokes, ...reads];

/** The engine refuses a second resource of one URN. */
function nameFaults({ resources }: StackSet): string[] {
  const urns = resources.map(({ urn }) => urn);
  return urns.filter((urn, index) => urns.indexOf(urn) !== index);
}

/** What every stack on AWS holds: each says what is wrong with a set, and nothing of a sound one. */
export const INVARIANTS = {
  "GPU pods go to one pool and tolerate it, others stay away": placementFaults,
  "GPU nodes are tainted in the spelling of what makes them": taintFaults,
  "GPU pods fit each instance of their pool": sizeFaults,
  "claims and classes that are named are declared": volumeFaults,
  "images are pinned by their digests": imageFaults,
  "permissions name resources and actions": permissionFaults,
  "only `publish` writes to the bucket, and what mounts it has a role": bucketMountFaults,
  "servers read their own adapters and base, and write nothing": serverRightFaults,
  "nothing is public": publicFaults,
  "everything that takes tags has the stack's": tagFaults,
  "no cloud is asked": callFaults,
  "what holds data is kept": keptFaults,
  "pods are restricted": podSecurityFaults,
  "the device plugin is where an image lacks it": devicePluginFaults,
  "each URN is of one resource": nameFaults,
} as const satisfies Record<string, (set: StackSet) => string[]>;

export type Invariant = keyof typeof INVARIANTS;
