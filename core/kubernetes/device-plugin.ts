import type { StackPlan } from "../plan/plan.ts";
import type { Container, Manifest, PodSpec } from "./manifest.ts";
import { clusterOf } from "./names.ts";
import { where } from "./pod.ts";

export interface DaemonSet extends Manifest {
  kind: "DaemonSet";
  spec: { template: { spec: PodSpec } };
}

/**
 * NVIDIA's device plugin on the stack's nodes, none where the cluster has it. `manifest`: what
 * manifests/nvidia-device-plugin.yaml says.
 */
export function devicePluginManifests(plan: StackPlan, manifest: DaemonSet): DaemonSet[] {
  const settings = clusterOf(plan);
  if (settings.devicePlugin === "present") return [];
  const { template } = manifest.spec;
  const image = settings.devicePluginImage;
  const containers = template.spec.containers.map((container): Container =>
    image === null ? container : { ...container, image },
  );
  const { pools, nodeSelector, tolerations } = settings;
  // Nodes of pools carry the manifest's own label and taint.
  const nodes = pools === null ? where({ nodeSelector, tolerations }) : {};
  const spec = { ...template.spec, ...nodes, containers };
  return [{ ...manifest, spec: { ...manifest.spec, template: { ...template, spec } } }];
}
