import type { StackPlan } from "../plan/plan.ts";
import { clusterOf } from "./names.ts";

/** Digests of one repeated digit stand in the example stacks, and in no registry. */
const EXAMPLE = /@sha256:(.)\1{63}$/;

/** Images of a stack that are an example's and cannot be pulled, with the keys that name them. */
export function exampleImages(plan: StackPlan): { key: string; image: string }[] {
  const settings = clusterOf(plan);
  return (["trainerImage", "serverImage", "devicePluginImage"] as const).flatMap((key) => {
    const image = settings[key];
    return image !== null && EXAMPLE.test(image) ? [{ key: `tuneform:kubernetes.${key}`, image }] : [];
  });
}
