import { GPUS, type Gpu, type GpuId } from "./gpus.ts";

/**
 * GPU instances of AWS: Linux, on demand, us-east-1, prices of `PRICE_DATE`. Adding one is a row here.
 *
 * Source: the instance types of Karpenter's documentation (July 2026) joined with its generated price list
 * of that day, compared with moto 5.2.1's EC2 data. The stock EKS images lack the driver for g7.
 */
export interface Instance {
  type: string;
  gpu: GpuId;
  /** GPUs of the instance. */
  count: number;
  vcpu: number;
  memoryGib: number;
  /** US dollars an hour on demand; null where there is no such offer. */
  usdPerHour: number | null;
  /** Day of the price. */
  priceDate: string;
  /** Zone ids in us-east-1 that have it; empty: unknown. */
  zones: string[];
  arch: "amd64" | "arm64";
  /** The EKS NVIDIA images run on it. */
  stockAmi: boolean;
  spot: boolean;
  capacityBlocks: boolean;
}

export const PRICE_DATE = "2026-07-20";

/**
 * Share of the on-demand price that spot saves, low to high. It moves by zone and day: SkyPilot names about
 * 70 % for GPUs, a published simulation 65 % (agentcore-public-stack PR 1025).
 */
export const SPOT_DISCOUNT = { low: 0.3, expected: 0.6, high: 0.75 } as const;

/** Evictions an hour of a spot GPU; 0.15 is the rate of that simulation. */
export const SPOT_EVICTIONS_PER_HOUR = 0.15;

type Traits = Partial<Pick<Instance, "arch" | "stockAmi" | "spot" | "capacityBlocks">>;

const row = (
  type: string,
  gpu: GpuId,
  count: number,
  vcpu: number,
  memoryGib: number,
  usdPerHour: number | null,
  zones: string,
  traits: Traits = {},
): Instance => ({
  type,
  gpu,
  count,
  vcpu,
  memoryGib,
  usdPerHour,
  priceDate: PRICE_DATE,
  zones: [...zones].map((zone) => `use1-az${zone}`),
  arch: "amd64",
  stockAmi: true,
  spot: usdPerHour !== null,
  capacityBlocks: false,
  ...traits,
});

/** type, GPU, GPUs, vCPU, GiB of memory, US dollars an hour, zones of us-east-1 by their last digit */
export const INSTANCES: readonly Instance[] = [
  row("g4dn.xlarge", "t4", 1, 4, 16, 0.526, "12456"),
  row("g4dn.2xlarge", "t4", 1, 8, 32, 0.752, "12456"),
  row("g4dn.4xlarge", "t4", 1, 16, 64, 1.204, "12456"),
  row("g4dn.8xlarge", "t4", 1, 32, 128, 2.176, "12456"),
  row("g4dn.12xlarge", "t4", 4, 48, 192, 3.912, "12456"),
  row("g4dn.16xlarge", "t4", 1, 64, 256, 4.352, "12456"),
  row("g4dn.metal", "t4", 8, 96, 384, 7.824, "12456"),
  row("g5.xlarge", "a10g", 1, 4, 16, 1.006, "12456"),
  row("g5.2xlarge", "a10g", 1, 8, 32, 1.212, "12456"),
  row("g5.4xlarge", "a10g", 1, 16, 64, 1.624, "12456"),
  row("g5.8xlarge", "a10g", 1, 32, 128, 2.448, "12456"),
  row("g5.12xlarge", "a10g", 4, 48, 192, 5.672, "12456"),
  row("g5.16xlarge", "a10g", 1, 64, 256, 4.096, "12456"),
  row("g5.24xlarge", "a10g", 4, 96, 384, 8.144, "12456"),
  row("g5.48xlarge", "a10g", 8, 192, 768, 16.288, "12456"),
  row("g5g.xlarge", "t4g", 1, 4, 8, 0.42, "1246", { arch: "arm64" }),
  row("g5g.2xlarge", "t4g", 1, 8, 16, 0.556, "1246", { arch: "arm64" }),
  row("g5g.4xlarge", "t4g", 1, 16, 32, 0.828, "1246", { arch: "arm64" }),
  row("g5g.8xlarge", "t4g", 1, 32, 64, 1.372, "1246", { arch: "arm64" }),
  row("g5g.16xlarge", "t4g", 2, 64, 128, 2.744, "1246", { arch: "arm64" }),
  row("g5g.metal", "t4g", 2, 64, 128, 2.744, "1246", { arch: "arm64" }),
  row("g6.xlarge", "l4", 1, 4, 16, 0.8048, "12456"),
  row("g6.2xlarge", "l4", 1, 8, 32, 0.9776, "12456"),
  row("g6.4xlarge", "l4", 1, 16, 64, 1.3232, "12456"),
  row("g6.8xlarge", "l4", 1, 32, 128, 2.0144, "12456"),
  row("g6.12xlarge", "l4", 4, 48, 192, 4.6016, "12456"),
  row("g6.16xlarge", "l4", 1, 64, 256, 3.3968, "12456"),
  row("g6.24xlarge", "l4", 4, 96, 384, 6.6752, "12456"),
  row("g6.48xlarge", "l4", 8, 192, 768, 13.3504, "12456"),
  row("g6e.xlarge", "l40s", 1, 4, 32, 1.861, "1246"),
  row("g6e.2xlarge", "l40s", 1, 8, 64, 2.24208, "1246"),
  row("g6e.4xlarge", "l40s", 1, 16, 128, 3.00424, "1246"),
  row("g6e.8xlarge", "l40s", 1, 32, 256, 4.52856, "1246"),
  row("g6e.12xlarge", "l40s", 4, 48, 384, 10.4926, "1246"),
  row("g6e.16xlarge", "l40s", 1, 64, 512, 7.57719, "1246"),
  row("g6e.24xlarge", "l40s", 4, 96, 768, 15.0656, "1246"),
  row("g6e.48xlarge", "l40s", 8, 192, 1536, 30.1312, "1246"),
  row("g6f.large", "l4-eighth", 1, 2, 8, 0.202, "1246"),
  row("g6f.xlarge", "l4-eighth", 1, 4, 16, 0.2375, "1246"),
  row("g6f.2xlarge", "l4-quarter", 1, 8, 32, 0.475, "1246"),
  row("g6f.4xlarge", "l4-half", 1, 16, 64, 0.95, "1246"),
  row("g7.2xlarge", "rtx-pro-4500", 1, 8, 32, 2.52, "", { stockAmi: false, spot: false }),
  row("g7.4xlarge", "rtx-pro-4500", 1, 16, 64, 3.04208, "", { stockAmi: false, spot: false }),
  row("g7.8xlarge", "rtx-pro-4500", 1, 32, 128, 4.08624, "", { stockAmi: false, spot: false }),
  row("g7.12xlarge", "rtx-pro-4500", 2, 48, 192, 7.12832, "", { stockAmi: false, spot: false }),
  row("g7.24xlarge", "rtx-pro-4500", 4, 96, 384, 14.2566, "", { stockAmi: false, spot: false }),
  row("g7.48xlarge", "rtx-pro-4500", 8, 192, 768, 28.5133, "", { stockAmi: false, spot: false }),
  row("g7e.2xlarge", "rtx-pro-6000", 1, 8, 64, 3.36312, "26"),
  row("g7e.4xlarge", "rtx-pro-6000", 1, 16, 128, 3.99816, "26"),
  row("g7e.8xlarge", "rtx-pro-6000", 1, 32, 256, 5.26824, "26"),
  row("g7e.12xlarge", "rtx-pro-6000", 2, 48, 512, 8.28608, "26"),
  row("g7e.24xlarge", "rtx-pro-6000", 4, 96, 1024, 16.5722, "26"),
  row("g7e.48xlarge", "rtx-pro-6000", 8, 192, 2048, 33.1443, "26"),
  row("gr6.4xlarge", "l4", 1, 16, 128, 1.5392, "1246"),
  row("gr6.8xlarge", "l4", 1, 32, 256, 2.4464, "1246"),
  row("gr6f.4xlarge", "l4-half", 1, 16, 128, 1.066, "1246"),
  row("p4d.24xlarge", "a100-40gb", 8, 96, 1152, 21.9576, "1246", { capacityBlocks: true }),
  row("p4de.24xlarge", "a100-80gb", 8, 96, 1152, 27.4471, "46", { capacityBlocks: true }),
  row("p5.4xlarge", "h100-80gb", 1, 16, 256, 6.88, "123456", { capacityBlocks: true }),
  row("p5.48xlarge", "h100-80gb", 8, 192, 2048, 55.04, "123456", { capacityBlocks: true }),
  row("p5e.48xlarge", "h200-141gb", 8, 192, 2048, null, "", { capacityBlocks: true }),
  row("p5en.48xlarge", "h200-141gb", 8, 192, 2048, 63.296, "26", { capacityBlocks: true }),
  row("p6-b200.48xlarge", "b200-180gb", 8, 192, 2048, 113.933, "6", { capacityBlocks: true }),
  row("p6-b300.48xlarge", "b300-288gb", 8, 192, 4096, 142.416, "", { capacityBlocks: true }),
];

/** The GPU of an instance. */
export const gpuOf = (instance: Instance): Gpu => GPUS[instance.gpu];
