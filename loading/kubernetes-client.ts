import path from "node:path";
import * as k8s from "@kubernetes/client-node";

/**
 * Which cluster: a kubeconfig, as a path or as its text (null: KUBECONFIG, then ~/.kube/config), and a context of it
 * (null: its current).
 */
export interface Connection {
  kubeconfig: string | null;
  context: string | null;
}

/** The cluster of a stack's settings, whose kubeconfig is relative to the project's absolute path `root`. */
export const connectionOf = (root: string, { kubeconfig, context }: Connection): Connection => ({
  kubeconfig: kubeconfig === null ? null : path.resolve(root, kubeconfig),
  context,
});

/** The API of a cluster. */
export interface Cluster {
  config: k8s.KubeConfig;
  core: k8s.CoreV1Api;
  batch: k8s.BatchV1Api;
  objects: k8s.KubernetesObjectApi;
}

/** Reads the kubeconfig and asks nothing yet. Throws Error with the file's name where it is no kubeconfig. */
export function connect({ kubeconfig, context }: Connection): Cluster {
  const config = new k8s.KubeConfig();
  if (kubeconfig === null) config.loadFromDefault();
  else if (isText(kubeconfig)) config.loadFromString(kubeconfig);
  else config.loadFromFile(kubeconfig);
  if (context !== null) config.setCurrentContext(context);
  return {
    config,
    core: config.makeApiClient(k8s.CoreV1Api),
    batch: config.makeApiClient(k8s.BatchV1Api),
    objects: k8s.KubernetesObjectApi.makeApiClient(config),
  };
}

const isText = (kubeconfig: string): boolean => kubeconfig.includes("\n");

/** What a request gives, or null where the object (or its namespace) is not there. */
export async function orAbsent<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof k8s.ApiException && error.code === 404) return null;
    throw error;
  }
}

/** One line for people of what a request failed with. */
export function apiError(error: unknown): string {
  if (!(error instanceof k8s.ApiException)) return error instanceof Error ? error.message : String(error);
  const body: unknown = typeof error.body === "string" ? parsed(error.body) : error.body;
  const said = (body as { message?: string } | null)?.message;
  return `${error.code}: ${said ?? String(error.body)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
