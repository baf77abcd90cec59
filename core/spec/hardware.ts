import { z } from "zod";
import { GPU_IDS } from "../catalog/gpus.ts";
import { INSTANCES, type Instance } from "../catalog/instances.ts";
import type { Problem } from "./problems.ts";

const price = z.number().min(0).describe("US dollars an hour; 0 for what is reserved or owned");

/** A hardware file: what planning pays for GPUs, where that differs from the catalog's list prices. */
export const hardwareSchema = z.strictObject({
  prices: z
    .record(z.string(), price)
    .default({})
    .describe("by instance type of the catalog; the date of the file's prices is `date`"),
  machines: z
    .array(
      z.strictObject({
        name: z.string().min(1).describe("how plans call it"),
        gpu: z.enum(GPU_IDS).describe("id of the catalog"),
        count: z.number().int().positive().default(1).describe("GPUs"),
        vcpu: z.number().int().positive().default(8),
        memoryGib: z.number().positive().default(64),
        usdPerHour: price,
      }),
    )
    .default([])
    .describe("machines of one's own"),
  only: z.array(z.string()).nullable().default(null).describe("plan with these types and names only"),
  date: z.iso.date().describe("day of these prices"),
});

export type Hardware = z.infer<typeof hardwareSchema>;

/** The catalog's instances with a hardware file's prices, machines and choice; or what it names wrongly. */
export function applyHardware(
  { prices, machines, only, date }: Hardware,
  problem: (keys: string[], message: string, hint: string) => Problem,
): { instances: Instance[] } | { problems: Problem[] } {
  const owned = machines.map(({ name, ...machine }): Instance => ({
    ...machine,
    type: name,
    priceDate: date,
    zones: [],
    arch: "amd64",
    stockAmi: true,
    spot: false,
    capacityBlocks: false,
  }));
  const priced = INSTANCES.map((instance) => {
    const usdPerHour = Object.hasOwn(prices, instance.type) ? prices[instance.type] : undefined;
    return usdPerHour === undefined ? instance : { ...instance, usdPerHour, priceDate: date };
  });
  const all = [...owned, ...priced];
  const known = new Set(all.map(({ type }) => type));
  const named: [string[], string][] = [
    ...Object.keys(prices).map((type): [string[], string] => [["prices", type], type]),
    ...(only ?? []).map((name, index): [string[], string] => [["only", String(index)], name]),
  ];
  const problems = named
    .filter(([, name]) => !known.has(name))
    .map(([keys, name]) =>
      problem(keys, `${name} is neither in the catalog nor under machines`, "see core/catalog/instances.ts"),
    );
  if (problems.length > 0) return { problems };
  return { instances: only === null ? all : all.filter(({ type }) => only.includes(type)) };
}
