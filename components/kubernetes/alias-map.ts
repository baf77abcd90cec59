import { orAbsent, type Cluster } from "../../loading/kubernetes-client.ts";

/** An entry of aliases.json: the declared alias map that the gateway follows. */
export interface AliasEntry {
  modelId: string;
  runId: string;
  baseModel: string;
  /** Base URL of the server inside the cluster, without /v1. */
  server: string;
}

/** The alias map as it is in the cluster now; empty where there is none. */
export async function readAliases({ core }: Cluster, namespace: string): Promise<Record<string, AliasEntry>> {
  const map = await orAbsent(core.readNamespacedConfigMap({ name: "aliases", namespace }));
  const text = map?.data?.["aliases.json"];
  return text === undefined ? {} : (JSON.parse(text) as { aliases: Record<string, AliasEntry> }).aliases;
}
