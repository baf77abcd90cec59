import { AppsV1Api, type V1DaemonSet } from "@kubernetes/client-node";
import { NAMESPACE_LABEL } from "../core/kubernetes/names.ts";
import type { KubernetesSettings } from "../core/spec/kubernetes.ts";
import type { Cluster } from "./kubernetes-client.ts";

/**
 * `namespace/name` of each of NVIDIA's device plugins in a cluster that the stack of `namespace` did not install;
 * empty for one that installs none, or where nobody may look.
 */
export async function devicePluginsThere(
  { config }: Cluster,
  namespace: string,
  { devicePlugin }: Pick<KubernetesSettings, "devicePlugin">,
): Promise<string[]> {
  if (devicePlugin === "present") return [];
  try {
    const { items } = await config.makeApiClient(AppsV1Api).listDaemonSetForAllNamespaces();
    return ofOthers(items, namespace);
  } catch {
    return [];
  }
}

export function ofOthers(sets: readonly V1DaemonSet[], namespace: string): string[] {
  return sets
    .filter(({ spec }) => spec?.template.spec?.containers.some(({ image }) => isDevicePlugin(image ?? "")))
    .filter(({ metadata }) => metadata?.labels?.[NAMESPACE_LABEL] !== namespace)
    .map(({ metadata }) => `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`);
}

/** `nvcr.io/nvidia/k8s-device-plugin`, wherever a company mirrors it. */
const isDevicePlugin = (image: string): boolean => /(^|\/)k8s-device-plugin([:@]|$)/.test(image);
