import { ADDONS, ADDONS_KUBERNETES, IN_AUTO_MODE, type Addon } from "../catalog/addons.ts";
import type { AwsPlan } from "../plan/aws-plan.ts";

/** Add-ons of a plan's new cluster, with the versions that the stack names. */
export function addonsOf({ gpu, cluster }: Pick<AwsPlan, "gpu" | "cluster">): Addon[] {
  const needed = gpu.nodes === "auto-mode" ? ADDONS.filter(({ name }) => !IN_AUTO_MODE.has(name)) : ADDONS;
  return needed.map((each) => ({
    ...each,
    version: cluster.addons[each.name] ?? (cluster.version === ADDONS_KUBERNETES ? each.version : null),
  }));
}
