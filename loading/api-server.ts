import { DiscoveryV1Api, type V1EndpointSlice } from "@kubernetes/client-node";
import { EVERYWHERE, type KubernetesSettings } from "../core/spec/kubernetes.ts";
import type { Cluster } from "./kubernetes-client.ts";

type Settings = Pick<KubernetesSettings, "apiServerCidr" | "apiServerPorts">;

/** What a person should set of the way from a Job to the API server; nothing where it may not be looked at. */
export async function apiServerNotes({ config }: Cluster, settings: Settings): Promise<string[]> {
  try {
    const { items } = await config.makeApiClient(DiscoveryV1Api).listNamespacedEndpointSlice({
      namespace: "default",
      labelSelector: "kubernetes.io/service-name=kubernetes",
    });
    return notesOf(items, settings);
  } catch {
    // A person with rights in one namespace only: the plan does without.
    return [];
  }
}

/**
 * NetworkPolicies see an address and port behind the Service, which differ between kinds of clusters: 6443, 443 of
 * most managed ones, 8443 of minikube, 16443 of MicroK8s.
 */
export function notesOf(slices: readonly V1EndpointSlice[], settings: Settings): string[] {
  const { apiServerCidr, apiServerPorts } = settings;
  const ports = unique(slices.flatMap((slice) => (slice.ports ?? []).flatMap(({ port }) => port ?? [])));
  const closed = ports.filter((port) => !apiServerPorts.includes(port));
  const addresses = unique(
    slices.flatMap(({ addressType, endpoints }) =>
      endpoints.flatMap(({ addresses }) =>
        addresses.map((address) => `${address}/${addressType === "IPv6" ? 128 : 32}`),
      ),
    ),
  );
  return [
    ...(closed.length === 0
      ? []
      : [
          `the API server listens on port ${closed.join(", ")}, and Jobs may reach ${apiServerPorts.join(" and ")} only: ` +
            `where NetworkPolicies count they could not tell their verdict; set apiServerPorts: [${ports.join(", ")}]`,
        ]),
    ...(apiServerCidr !== EVERYWHERE || addresses.length === 0
      ? []
      : [
          `pods that train may reach every address on port ${apiServerPorts.join(" and ")}; ` +
            (addresses.length === 1
              ? `with apiServerCidr: ${addresses[0]} it is the API server alone`
              : `apiServerCidr narrows it to a network that holds the API servers (${addresses.join(", ")})`),
        ]),
  ];
}

const unique = <Value>(values: readonly Value[]): Value[] => [...new Set(values)];
