/** Subnets of a new VPC: one private a zone, and one small public one for the NAT gateway. */
export interface SubnetPlan {
  /** Zone id → CIDR. */
  privateCidrs: Record<string, string>;
  publicCidr: string;
}

/** A private subnet has a quarter of the VPC: pods get addresses of it. */
const PRIVATE_BITS = 2;
/** The last 256 addresses of the VPC. */
const PUBLIC_PREFIX = 24;

/**
 * Divide a VPC of up to three zones. Throws RangeError for a VPC too small to divide (longer than /20) or for more
 * than three zones: the fourth quarter holds the public subnet.
 */
export function subnetPlan(cidr: string, zones: readonly string[]): SubnetPlan {
  const [address = "", length = ""] = cidr.split("/");
  const prefix = Number(length);
  if (prefix > 20) throw new RangeError(`${cidr} is too small: a VPC from /16 to /20`);
  if (zones.length >= 2 ** PRIVATE_BITS) throw new RangeError("more than three zones");
  const size = 2 ** (32 - prefix);
  const start = Math.floor(numberOf(address) / size) * size;
  const each = size / 2 ** PRIVATE_BITS;
  const privateCidrs = zones.map(
    (zone, index) => [zone, `${textOf(start + index * each)}/${prefix + PRIVATE_BITS}`] as const,
  );
  return {
    privateCidrs: Object.fromEntries(privateCidrs),
    publicCidr: `${textOf(start + size - 2 ** (32 - PUBLIC_PREFIX))}/${PUBLIC_PREFIX}`,
  };
}

const numberOf = (address: string): number =>
  address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);

const textOf = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** AWS services that nodes, add-ons and the autoscaler call, for a network without a way out. */
export const ENDPOINT_SERVICES = [
  "ecr.api",
  "ecr.dkr",
  "ec2",
  "sts",
  "eks",
  "eks-auth",
  "logs",
  "kms",
  "ssm",
  "autoscaling",
  "elasticfilesystem",
] as const;
