import { dnsName } from "../plan/dns-name.ts";
import { STACK_LABEL } from "../plan/gpu-pools.ts";
import type { StackPlan } from "../plan/plan.ts";
import type { Container, Manifest, PodTemplate } from "./manifest.ts";
import { clusterOf, NAMESPACE_LABEL } from "./names.ts";
import { where } from "./pod.ts";

export interface DaemonSet extends Manifest {
  kind: "DaemonSet";
  spec: { selector: { matchLabels: Record<string, string> }; template: PodTemplate };
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
  const { nodeSelector, tolerations, namespace } = settings;
  if (plan.aws !== null) return [ofPools(plan.aws.name, manifest, containers)];
  const spec = { ...template.spec, ...where({ nodeSelector, tolerations }), containers };
  const labels = { ...manifest.metadata.labels, [NAMESPACE_LABEL]: namespace };
  return [
    {
      ...manifest,
      metadata: { ...manifest.metadata, labels },
      spec: { ...manifest.spec, template: { ...template, spec } },
    },
  ];
}

/**
 * On nodes of the stack's pools, which carry the manifest's own label and taint besides the stack's. Another stack on the
 * cluster has its own, of another name, and on no node are two: each would register the same GPUs.
 */
function ofPools(stack: string, manifest: DaemonSet, containers: Container[]): DaemonSet {
  const own = { [STACK_LABEL]: stack };
  const { metadata, spec: whole } = manifest;
  const { template } = whole;
  const spec = { ...template.spec, nodeSelector: { ...template.spec.nodeSelector, ...own }, containers };
  return {
    ...manifest,
    metadata: { ...metadata, name: dnsName(metadata.name, stack), labels: { ...metadata.labels, ...own } },
    spec: {
      ...whole,
      selector: { matchLabels: { ...whole.selector.matchLabels, ...own } },
      template: {
        ...template,
        metadata: { ...template.metadata, labels: { ...template.metadata.labels, ...own } },
        spec,
      },
    },
  };
}
