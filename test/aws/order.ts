import { names } from "../../core/kubernetes/names.ts";
import type { Collected } from "./collect.ts";
import { label, ofType, waitsFor, type StackSet } from "./stack-set.ts";

type Which = (set: StackSet) => Collected[];

const all =
  (...types: string[]): Which =>
  (set) =>
    types.flatMap((type) => ofType(set, type));
const named =
  (type: string, pattern: RegExp): Which =>
  (set) =>
    ofType(set, type).filter(({ name }) => pattern.test(name));
const inCluster: Which = ({ resources }) => resources.filter(({ type }) => type.startsWith("kubernetes:"));

/** Roles of the cluster and its nodes; a pod's role has its policies as long as it has pods. */
const attachments = named("RolePolicyAttachment", /^cluster-/);
const gpuGroups = named("aws:eks/nodeGroup:NodeGroup", /^(train|serve)-/);

/** Where not each of the one waits for each of the other. */
type Pairs = (early: Collected, late: Collected, set: StackSet) => boolean;

/** Both below the component of one run. */
const sameRun: Pairs = (early, late) => early.parent === late.parent;

/** The outcome of a fine-tune, and the server that it is served by. */
const itsServer: Pairs = (early, late, { plan }) =>
  plan.fineTunes.some(
    ({ name, serving }) =>
      early.name === `${name}-outcome` && late.name === `deployment-${names.server(serving.server)}`,
  );

const sameKey: Pairs = (early, late) =>
  early.name.replace("serviceaccount-", "") === late.name.replace("deployment-", "");

const servers = named("Deployment", /^deployment-server-/);

/** What has to be there before what, where a stack has both. */
const ORDER: [title: string, before: Which, after: Which, of?: Pairs][] = [
  [
    "the log group before the cluster, which would make one that keeps logs for ever",
    all("LogGroup"),
    all("aws:eks/cluster:Cluster"),
  ],
  ["the cluster's rights before the cluster", attachments, all("aws:eks/cluster:Cluster")],
  ["the nodes' rights before nodes", named("RolePolicyAttachment", /^nodes-/), all("NodeGroup")],
  ["the network before nodes", all("RouteTableAssociation", "NatGateway", "VpcEndpoint"), all("NodeGroup")],
  ["the network of pods before nodes", named("Addon", /^(vpc-cni|kube-proxy)$/), all("NodeGroup")],
  [
    "nodes before add-ons that run on them",
    named("NodeGroup", /^system$/),
    named("Addon", /^(coredns|aws-.*|metrics-server)$/),
  ],
  [
    "the role of an add-on before it",
    named("RolePolicyAttachment", /^vpc-cni$/),
    named("Addon", /^vpc-cni$/),
  ],
  [
    "entries and add-ons before whatever is inside",
    all("AccessEntry", "AccessPolicyAssociation", "Addon"),
    inCluster,
  ],
  ["GPU pools before Jobs", gpuGroups, all("Job")],
  ["Karpenter's pools before Jobs", all("NodePool", "EC2NodeClass", "NodeClass"), all("Job")],
  ["tags that start a pool from zero before Jobs", all("aws:autoscaling/tag:Tag"), all("Job")],
  ["the autoscaler before Jobs", named("Deployment", /^autoscaler-/), all("Job")],
  [
    "the autoscaler's role before its pod",
    named("PodIdentityAssociation", /^cluster-autoscaler$/),
    named("Deployment", /^autoscaler-/),
  ],
  ["roles of fine-tunes before Jobs", named("PodIdentityAssociation", /^train-/), all("Job")],
  ["rights of those roles before Jobs", named("RolePolicy", /^train-/), all("Job")],
  ["roles of servers before their pods", named("PodIdentityAssociation", /^serve-/), servers],
  ["rights of those roles before their pods", named("RolePolicy", /^serve-/), servers],
  [
    "the account of a server before its pods",
    named("ServiceAccount", /^serviceaccount-server-/),
    servers,
    sameKey,
  ],
  ["the bucket as a volume before what mounts it", all("PersistentVolume"), servers],
  ["a verdict, and so what was published, before its server", all("Outcome"), servers, itsServer],
  ["the file system, reached from each zone, before Jobs", all("FileSystem", "MountTarget"), all("Job")],
  ["classes before claims", all("StorageClass"), all("PersistentVolumeClaim")],
  ["the workspace and its namespace before Jobs", all("Namespace", "PersistentVolumeClaim"), all("Job")],
  ["the device plugin before Jobs", all("DaemonSet"), all("Job")],
  ["staging before training", named("Job", /-staging$/), named("Job", /-job$/), sameRun],
  ["every verdict before the aliases", all("Outcome"), all("Alias")],
];

/** Titles of what an order has both sides of in a set: elsewhere it says nothing. */
export const ordersIn = (set: StackSet): string[] =>
  ORDER.filter(([, before, after]) => before(set).length > 0 && after(set).length > 0).map(
    ([title]) => title,
  );

export const ORDERS = ORDER.map(([title]) => title);

/** What is made too early. */
export function orderFaults(set: StackSet): string[] {
  return ORDER.flatMap(([title, before, after, of = () => true]) => {
    const needed = before(set);
    return after(set).flatMap((late) => {
      const there = waitsFor(set, late);
      return needed
        .filter((early) => of(early, late, set) && !there.has(early.urn))
        .map((early) => `${label(late)} does not wait for ${label(early)}: ${title}`);
    });
  });
}
