import type { AwsPlan } from "./aws-plan.ts";
import type { GpuPool } from "./gpu-pools.ts";
import { usd } from "./text.ts";

/** What a person should know of AWS before anything starts: pools, quotas, zones. */
export function awsNotes(plan: AwsPlan): string[] {
  return plan.pools.map(poolNote);
}

function poolNote({ name, instances, purchase, maxNodes, fineTunes }: GpuPool): string {
  const [planned] = instances;
  const price =
    planned?.usdPerHour == null ? "no list price" : `${usd(planned.usdPerHour)} an hour on demand`;
  const types = instances.map(({ type }) => type).join(" or ");
  return `pool ${name}: 0 to ${maxNodes} × ${types}, ${purchase} (${price}), for ${fineTunes.join(", ")}`;
}
