import { PRICE_DATE, type Instance } from "../catalog/instances.ts";
import { atRestNote } from "./aws-rest.ts";
import type { AwsPlan } from "./aws-plan.ts";
import type { GpuPool, Purchase } from "./gpu-pools.ts";
import { usd } from "./text.ts";

/** What a person should know of AWS before anything starts: pools, quotas, zones, and what it costs at rest. */
export function awsNotes(plan: AwsPlan): string[] {
  return [
    ...plan.pools.map(poolNote),
    ...quotaNotes(plan),
    ...zoneNotes(plan),
    ...budgetNotes(plan),
    ...baseNotes(plan),
    ...(plan.pools.length === 0 ? [] : [PINNING]),
    atRestNote(plan),
  ];
}

const PINNING =
  `prices are those of ${PRICE_DATE} in us-east-1; where they or the catalog change, another instance may be chosen: ` +
  "gpu.instances and gpu.servingInstances pin it";

/** A budget of a fine-tune counts what carries its name, and nodes that several share carry none of theirs. */
function budgetNotes({ budget, pools }: AwsPlan): string[] {
  const shared = pools.filter(({ fineTunes }) => fineTunes.length > 1).map(({ name }) => name);
  return budget === null || shared.length === 0
    ? []
    : [
        `budget: counts no node of ${shared.join(", ")}, which several share; gpu.share: fine-tune tells them apart`,
      ];
}

/** Bases that a person uploads; their keys are their digests, which only a plan knows. */
const baseNotes = ({ servers, storage: { bucket } }: AwsPlan): string[] =>
  servers.flatMap(({ key, baseKey }) =>
    baseKey === null
      ? []
      : [
          `base of server ${key}: read from the bucket, where it has to be before a run starts; ` +
            `aws s3 sync FOLDER s3://${bucket ?? "BUCKET"}/${baseKey}/`,
        ],
  );

function poolNote({ name, instances, purchase, maxNodes, fineTunes }: GpuPool): string {
  const [planned] = instances;
  const price =
    planned?.usdPerHour == null ? "no list price" : `${usd(planned.usdPerHour)} an hour on demand`;
  return `pool ${name}: 0 to ${maxNodes} × ${typesOf(instances)}, ${purchase} (${price}), for ${fineTunes.join(", ")}`;
}

const typesOf = (instances: readonly Instance[]): string => instances.map(({ type }) => type).join(" or ");

interface Quota {
  code: string;
  name: string;
}

/**
 * Quotas of EC2 that count the vCPUs of a family in a region. A new account often has 0 of them, and a node
 * then never comes. Names: the EC2 User Guide on Spot and On-Demand quotas. Codes: a dozen unrelated public
 * projects that ask Service Quotas for them by code (2021 to 2026) name the same four; not asked of AWS here.
 */
const QUOTAS: Record<"G" | "P", Record<Exclude<Purchase, "capacity-block">, Quota>> = {
  G: {
    "on-demand": { code: "L-DB2E81BA", name: "Running On-Demand G and VT instances" },
    spot: { code: "L-3819A6DF", name: "All G and VT Spot Instance Requests" },
  },
  P: {
    "on-demand": { code: "L-417A185B", name: "Running On-Demand P instances" },
    spot: { code: "L-7212CCBC", name: "All P Spot Instance Requests" },
  },
};

/** A quota holds for all pools of its kind together, each with its largest type on all its nodes. */
function quotaNotes({ pools, region }: Pick<AwsPlan, "pools" | "region">): string[] {
  const needed = new Map<Quota, number>();
  for (const { instances, maxNodes, purchase } of pools) {
    // A reservation was paid for: nothing is asked of a quota as its nodes start (unverified).
    if (purchase === "capacity-block") continue;
    for (const family of ["G", "P"] as const) {
      const vcpus = instances.filter(({ type }) => familyOf(type) === family).map(({ vcpu }) => vcpu);
      const quota = QUOTAS[family][purchase];
      if (vcpus.length > 0) needed.set(quota, (needed.get(quota) ?? 0) + Math.max(...vcpus) * maxNodes);
    }
  }
  return [...needed].map(
    ([{ code, name }, vcpus]) =>
      `quota ${code} (${name}): the pools take at most ${vcpus} vCPUs in ${region}, a new account often has 0; ` +
      `aws service-quotas get-service-quota --region ${region} --service-code ec2 --quota-code ${code}`,
  );
}

const familyOf = (type: string): "G" | "P" => (type.startsWith("p") ? "P" : "G");

/** Where nodes of a pool may be in a network that the stack makes. */
const zonesOf = ({ network, gpu }: AwsPlan, { purchase }: GpuPool): string[] =>
  purchase === "capacity-block" && gpu.capacityZone !== null ? [gpu.capacityZone] : network.zones;

/** What is known of zones: the catalog has those of us-east-1 alone. */
function zoneNotes(plan: AwsPlan): string[] {
  const { region, pools } = plan;
  if (pools.length === 0) return [];
  const types = [...new Set(pools.flatMap(({ instances }) => instances.map(({ type }) => type)))];
  const ask =
    `aws ec2 describe-instance-type-offerings --region ${region} --location-type availability-zone-id ` +
    `--filters Name=instance-type,Values=${types.join(",")}`;
  if (region !== "us-east-1")
    return [
      `zones: which of ${region} have the pools' types is unknown, and prices there are others; ${ask}`,
    ];
  if (plan.network.vpc !== null)
    return [`zones: those of the subnets in ${plan.network.vpc} are unknown here; ${ask}`];
  const partial = pools.flatMap((pool) => poolZoneNotes(pool, zonesOf(plan, pool)));
  return partial.length > 0
    ? partial
    : [`zones: every type of every pool is in each of its zones (${plan.network.zones.join(", ")})`];
}

function poolZoneNotes({ name, instances }: GpuPool, zones: readonly string[]): string[] {
  return instances.flatMap(({ type, zones: having }) => {
    if (having.length === 0) return [`zones: in which ${type} of pool ${name} is, is unknown`];
    const [here, missing] = [true, false].map((has) => zones.filter((zone) => having.includes(zone) === has));
    if (here === undefined || missing === undefined || missing.length === 0) return [];
    return here.length === 0
      ? [
          `zones: ${type} of pool ${name} is in none of ${zones.join(", ")}, so no node of it can start: ` +
            `network.zones has to have one of ${having.join(", ")}`,
        ]
      : [`zones: ${type} of pool ${name} is in ${here.join(", ")}, not in ${missing.join(", ")}`];
  });
}
