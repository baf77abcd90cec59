import { SERVER_PORT } from "../plan/cluster-servers.ts";
import { digestOf } from "../plan/digest.ts";
import type { StackPlan } from "../plan/plan.ts";
import type { ServerPlan } from "../plan/servers.ts";
import { VOLUME } from "../plan/volume.ts";
import { bucketOfServer, readsOf } from "./bucket.ts";
import type { ConfigMap, Container, Deployment, Service } from "./manifest.ts";
import { clusterOf, componentLabels, componentSelector, metadataOf, names } from "./names.ts";
import {
  containerOf,
  memoryQuantity,
  nodesOf,
  podOf,
  resourcesOf,
  trainerEnvironment,
  workspaceMount,
  workspaceVolume,
} from "./pod.ts";
import { serviceAccountOf, type ServiceAccount } from "./service-account.ts";
import { DRAIN, vllmServer, type Shape, type Version } from "./vllm-server.ts";

export interface ServerManifests {
  /** Of the trainer's own server; null of vLLM. */
  config: ConfigMap | null;
  /** Who reads the bucket; null where nothing does. */
  account: ServiceAccount | null;
  deployment: Deployment;
  service: Service;
}

/**
 * One model server. vLLM gets `versions` as it starts; the trainer's server finds them in the registry when
 * they are asked for. Throws RangeError for what vLLM would refuse.
 */
export function serverManifests(
  plan: StackPlan,
  server: ServerPlan,
  versions: readonly Version[],
): ServerManifests {
  const config = server.engine === "cpu" ? configMap(plan, server) : null;
  const account = accountOf(plan, server);
  return {
    config,
    account,
    deployment: deployment(plan, server, { config, account, versions }),
    service: {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadataOf(plan, names.server(server.key), serverLabels(plan, server)),
      spec: {
        type: "ClusterIP",
        selector: selectorOf(server),
        ports: [{ name: "http", port: server.server.port, targetPort: "http" }],
      },
    },
  };
}

const selectorOf = ({ key }: ServerPlan) => ({ ...componentSelector("server"), "tuneform.dev/server": key });
const serverLabels = (plan: StackPlan, server: ServerPlan) => ({
  ...componentLabels(plan, "server"),
  ...selectorOf(server),
});

/** Pods take a role of AWS by the name of their account; the token that Mountpoint needs for it is not theirs. */
const accountOf = (plan: StackPlan, server: ServerPlan): ServiceAccount | null =>
  bucketOfServer(plan, server).volumes.length === 0
    ? null
    : serviceAccountOf(plan, names.server(server.key), serverLabels(plan, server));

/** The file of aliases stays empty: the gateway asks for immutable names. */
function configMap(plan: StackPlan, server: ServerPlan): ConfigMap {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadataOf(plan, names.server(server.key), serverLabels(plan, server)),
    data: {
      "server.json": json(server.server),
      "aliases.json": json({ schemaVersion: 1, aliases: {} }),
    },
  };
}

interface Parts extends Pick<ServerManifests, "config" | "account"> {
  versions: readonly Version[];
}

function deployment(plan: StackPlan, server: ServerPlan, { config, account, versions }: Parts): Deployment {
  const settings = clusterOf(plan);
  const shape = server.engine === "cpu" ? trainerServer(plan, server) : vllmServer(plan, server, versions);
  const labels = serverLabels(plan, server);
  const workspace = readsOf(plan, server).workspace ? [workspaceVolume(settings, true)] : [];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(plan, names.server(server.key), labels),
    spec: {
      replicas: shape.replicas,
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: shape.startSeconds + 600,
      selector: { matchLabels: selectorOf(server) },
      strategy: { type: "RollingUpdate", rollingUpdate: shape.strategy },
      template: {
        metadata: {
          labels,
          // A changed file restarts the server; it reads its settings once.
          ...(config === null ? {} : { annotations: { "tuneform.dev/config": digestOf(config.data) } }),
        },
        spec: podOf({
          restartPolicy: "Always",
          gracePeriod: shape.gracePeriod,
          ...(account === null ? {} : { serviceAccountName: account.metadata.name }),
          nodes: nodesOf(settings, { server: server.key }),
          containers: [{ ...shape.container, ...probes(shape.startSeconds) }],
          volumes: [...workspace, ...bucketOfServer(plan, server).volumes, ...shape.volumes],
        }),
      },
    },
  };
}

const PROBE_SECONDS = 10;

/** Alive is asked rarely and patiently: a server that computes an answer may be slow to say so. */
function probes(startSeconds: number): Partial<Container> {
  const health = { httpGet: { path: "/health", port: "http" }, timeoutSeconds: PROBE_SECONDS };
  return {
    ports: [{ name: "http", containerPort: SERVER_PORT }],
    startupProbe: {
      ...health,
      periodSeconds: PROBE_SECONDS,
      failureThreshold: Math.ceil(startSeconds / PROBE_SECONDS),
    },
    readinessProbe: { ...health, periodSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...health, periodSeconds: 20, failureThreshold: 6 },
    lifecycle: { preStop: { sleep: { seconds: DRAIN } } },
  };
}

/** A new pod answers before the old one ends: it takes memory twice for a moment, and no GPU. */
function trainerServer(plan: StackPlan, server: ServerPlan): Shape {
  const { key, hostBytes } = server;
  const { trainerImage, serverCpuRequest } = clusterOf(plan);
  const files = ["--server", "/server/server.json", "--workspace", VOLUME, "--state", "/tmp/server"];
  return {
    container: containerOf({
      name: "server",
      image: trainerImage,
      command: ["tuneform-trainer"],
      args: ["serve", ...files],
      env: trainerEnvironment(),
      resources: resourcesOf(serverCpuRequest, memoryQuantity(hostBytes)),
      volumeMounts: [
        workspaceMount(true),
        ...bucketOfServer(plan, server).mounts,
        { name: "server", mountPath: "/server", readOnly: true },
      ],
    }),
    volumes: [{ name: "server", configMap: { name: names.server(key) } }],
    startSeconds: 600,
    gracePeriod: 30,
    strategy: { maxSurge: 1, maxUnavailable: 0 },
    replicas: 1,
  };
}
