import type { StackPlan } from "../plan/plan.ts";
import type { Container, Deployment, Manifest, Service } from "./manifest.ts";
import { clusterOf, componentLabels, componentSelector, metadataOf } from "./names.ts";
import { containerOf, environment, podOf, resourcesOf } from "./pod.ts";
import { GATEWAY_PORT } from "./ports.ts";

export interface GatewayManifests {
  deployment: Deployment;
  service: Service;
  /** One where there are replicas to keep: a single one would block every drain of its node. */
  disruptionBudget: (Manifest & { spec: object })[];
}

const NAME = "gateway";

/** The one door for applications: aliases, API keys, and nothing but the API's own routes. */
export function gatewayManifests(plan: StackPlan): GatewayManifests {
  const { gateway } = clusterOf(plan);
  const { serviceType, nodePort, replicas } = gateway;
  const labels = componentLabels(plan, "gateway");
  const selector = componentSelector("gateway");
  return {
    deployment: deployment(plan),
    service: {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadataOf(plan, NAME, labels),
      spec: {
        type: serviceType,
        selector,
        ports: [{ name: "http", port: 80, targetPort: "http", ...(nodePort === null ? {} : { nodePort }) }],
      },
    },
    disruptionBudget:
      replicas < 2
        ? []
        : [
            {
              apiVersion: "policy/v1",
              kind: "PodDisruptionBudget",
              metadata: metadataOf(plan, NAME, labels),
              spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
            },
          ],
  };
}

function deployment(plan: StackPlan): Deployment {
  const { gateway } = clusterOf(plan);
  const { apiKeySecret, replicas } = gateway;
  const labels = componentLabels(plan, "gateway");
  const selector = componentSelector("gateway");
  const keys = apiKeySecret === null ? [] : [{ name: "keys", secret: { secretName: apiKeySecret } }];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(plan, NAME, labels),
    spec: {
      replicas,
      revisionHistoryLimit: 2,
      selector: { matchLabels: selector },
      // It asks for little, so the new one comes first and no request finds nobody.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: podOf({
          restartPolicy: "Always",
          gracePeriod: 90,
          containers: [container(plan)],
          // Mounted as a whole folder: only then a changed map arrives.
          volumes: [{ name: "aliases", configMap: { name: "aliases" } }, ...keys],
        }),
      },
    },
  };
}

function container(plan: StackPlan): Container {
  const { trainerImage, gateway } = clusterOf(plan);
  const hasKeys = gateway.apiKeySecret !== null;
  const health = { httpGet: { path: "/health", port: "http" }, timeoutSeconds: 5 };
  const address = ["--aliases", "/aliases/aliases.json", "--port", String(GATEWAY_PORT)];
  return {
    ...containerOf({
      name: NAME,
      image: trainerImage,
      command: ["tuneform-trainer"],
      args: ["gateway", ...address, ...(hasKeys ? ["--keys", "/keys"] : [])],
      env: environment({ HOME: "/tmp", PYTHONUNBUFFERED: "1" }),
      resources: resourcesOf("100m", "512Mi"),
      volumeMounts: [
        { name: "aliases", mountPath: "/aliases", readOnly: true },
        ...(hasKeys ? [{ name: "keys", mountPath: "/keys", readOnly: true }] : []),
      ],
    }),
    ports: [{ name: "http", containerPort: GATEWAY_PORT }],
    startupProbe: { ...health, periodSeconds: 2, failureThreshold: 60 },
    readinessProbe: { ...health, periodSeconds: 5, failureThreshold: 2 },
    livenessProbe: { ...health, periodSeconds: 10, failureThreshold: 6 },
    // The Service goes on sending requests for a moment.
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
  };
}
