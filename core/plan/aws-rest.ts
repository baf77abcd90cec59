import { ENDPOINT_SERVICES } from "../aws/subnets.ts";
import { clusterName, type AwsPlan } from "./aws-plan.ts";
import { usd } from "./text.ts";

const HOURS_PER_MONTH = 730;

/**
 * US dollars in us-east-1. EKS, NAT gateway, interface endpoint: AWS's pricing pages as several public guides
 * quote them (April 2026). Storage and the prices of system nodes: general knowledge, unverified.
 */
const PRICES = {
  controlPlaneHour: 0.1,
  natHour: 0.045,
  natGb: 0.045,
  endpointHour: 0.01,
  efsGbMonth: 0.3,
  s3GbMonth: 0.023,
  /** Instances that a stack's system nodes are likely to be; others have no price here. */
  systemHour: {
    "m7i.large": 0.1008,
    "m7i.xlarge": 0.2016,
    "m7i.2xlarge": 0.4032,
    "r7i.large": 0.1323,
    "r7i.xlarge": 0.2646,
  } as Readonly<Record<string, number>>,
} as const;

interface Part {
  what: string;
  /** A month; null where no price is known. */
  usd: number | null;
}

/** What is paid a month while nothing trains, with what grows with use named by its unit price. */
export function atRestNote(plan: AwsPlan): string {
  const parts = [...clusterParts(plan), ...networkParts(plan)];
  const known = parts.flatMap(({ usd: price }) => price ?? []);
  const sum = known.reduce((total, price) => total + price, 0);
  const listed = parts.map(
    (part) => `${part.what} ${part.usd === null ? "(price unknown here)" : usd(part.usd)}`,
  );
  const storage = `${usd(PRICES.efsGbMonth)} a GB of the workspace and $${PRICES.s3GbMonth} a GB of the bucket`;
  const first =
    parts.length === 0
      ? `at rest this stack adds nothing fixed to cluster ${clusterName(plan)}`
      : `at rest, while nothing trains, about ${usd(sum)} a month: ${listed.join(", ")}`;
  const where = plan.region === "us-east-1" ? "" : `, at prices of us-east-1 and not of ${plan.region}`;
  return `${first}; besides ${storage} (storage and system nodes: unverified prices${where}); servers are under "serving"`;
}

function clusterParts({ cluster, gpu }: AwsPlan): Part[] {
  if (cluster.existing !== null) return [];
  const { systemInstance, systemNodes } = cluster;
  const price = PRICES.systemHour[systemInstance];
  return [
    { what: "EKS control plane", usd: PRICES.controlPlaneHour * HOURS_PER_MONTH },
    {
      what: `${systemNodes} × ${systemInstance}`,
      usd: price === undefined ? null : price * systemNodes * HOURS_PER_MONTH,
    },
    // About 12 % of an instance's price, by type.
    ...(gpu.nodes === "auto-mode" ? [{ what: "Auto Mode's share of its nodes", usd: null }] : []),
  ];
}

function networkParts({ network }: AwsPlan): Part[] {
  if (network.vpc !== null) return [];
  if (network.egress === "nat")
    return [{ what: `NAT gateway ($${PRICES.natGb} a GB besides)`, usd: PRICES.natHour * HOURS_PER_MONTH }];
  const count = ENDPOINT_SERVICES.length * network.zones.length;
  return [{ what: `${count} interface endpoints`, usd: PRICES.endpointHour * count * HOURS_PER_MONTH }];
}
