import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConfigMap, Deployment, Manifest, Secret, Service } from "../../core/kubernetes/manifest.ts";
import type { NetworkPolicy } from "../../core/kubernetes/network.ts";
import type { StackPlan } from "../../core/plan/plan.ts";
import {
  containersOf,
  CPU_ONLY,
  exampleManifests,
  exampleStack,
  ofKind,
  podsOf,
  TRAINER,
  type Pod,
} from "./kubernetes-example.ts";
import { hubPort } from "../../core/spec/kubernetes.ts";
import { restrictedFaults } from "./pod-security.ts";

const hub = { weights: { kind: "hub" as const }, hubId: "owner/base", revision: "f".repeat(40) };
const two = [{ name: "triage" }, { name: "routing", train: { rank: 64 } }];

/** What only some settings make has to hold the same rules. */
const stacks: [string, StackPlan][] = [
  ["with GPUs", exampleStack({}, two)],
  ["without GPUs", exampleStack(CPU_ONLY, two)],
  ["with GPUs, served by CPUs", exampleStack({ engine: "cpu" })],
  ["with weights of the hub", exampleStack({ tokenSecret: "hub-token" }, two, hub)],
  [
    "with weights of a mirror of the hub",
    exampleStack({ tokenSecret: "hub-token", hubEndpoint: "http://hub.example:8081/hub" }, two, hub),
  ],
  [
    "with everything that can be asked for",
    exampleStack({
      devicePlugin: "install",
      queue: "fine-tunes",
      priorityClass: "training",
      nodeSelector: { pool: "gpus" },
      workspaceClaim: "existing",
      gateway: { replicas: 3, serviceType: "NodePort", nodePort: 30080, apiKeySecret: "keys" },
      apiServerCidr: "10.0.0.1/32",
    }),
  ],
];

const usesGpu = ({ spec }: Pod) =>
  containersOf(spec).some(({ resources }) => resources.limits["nvidia.com/gpu"] !== undefined);
const mountsWorkspace = ({ spec }: Pod) => spec.volumes.some((volume) => "persistentVolumeClaim" in volume);

describe.each(stacks)("objects of a stack %s", (_what, plan) => {
  const manifests = exampleManifests(plan);
  const pods = podsOf(manifests);
  const settings = plan.kubernetes!;
  const names = (kind: string) => ofKind(manifests, kind).map(({ metadata }) => metadata.name);

  it("run in pods that Pod Security `restricted` admits, in a namespace that enforces it", () => {
    for (const { owner, spec } of pods) expect([owner, restrictedFaults(spec)]).toEqual([owner, []]);
    const [namespace] = ofKind(manifests, "Namespace");
    for (const mode of ["enforce", "audit", "warn"])
      expect(namespace?.metadata.labels[`pod-security.kubernetes.io/${mode}`]).toBe("restricted");
  });

  it("ask for GPUs with equal requests and limits, on nodes whose taint they tolerate", () => {
    for (const { owner, spec } of pods.filter(usesGpu)) {
      expect([owner, spec.tolerations]).toEqual([
        owner,
        [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }],
      ]);
      expect([owner, spec.nodeSelector]).toEqual([owner, settings.nodeSelector]);
    }
    for (const { requests, limits } of pods
      .flatMap(({ spec }) => containersOf(spec))
      .map((c) => c.resources)) {
      expect(requests["nvidia.com/gpu"]).toBe(limits["nvidia.com/gpu"]);
      expect(requests["memory"]).toBe(limits["memory"]);
    }
    expect(pods.some(usesGpu)).toBe(settings.gpu !== null);
  });

  it("go to the nodes of the pool with every pod that mounts the workspace, GPU or not", () => {
    for (const { owner, spec } of pods.filter(mountsWorkspace))
      expect([owner, spec.nodeSelector ?? {}]).toEqual([owner, settings.nodeSelector]);
  });

  it("mount what is there: claims, ConfigMaps and Secrets of the set, or what the stack file declares", () => {
    const secrets = [...names("Secret"), settings.gateway.apiKeySecret];
    const maps = [...names("ConfigMap"), "kube-root-ca.crt"];
    const claims = [...names("PersistentVolumeClaim"), settings.workspaceClaim];
    for (const { spec } of pods) {
      const mounted = new Set(spec.volumes.map(({ name }) => name));
      for (const { volumeMounts } of containersOf(spec))
        for (const { name } of volumeMounts) expect(mounted).toContain(name);
      const text = JSON.stringify(spec.volumes);
      for (const [, name] of text.matchAll(/"claimName":"([^"]+)"/g)) expect(claims).toContain(name);
      for (const [, name] of text.matchAll(/"configMap":\{"name":"([^"]+)"/g)) expect(maps).toContain(name);
      for (const [, name] of text.matchAll(/"secret(?:Name)?":(?:\{"name":)?"([^"]+)"/g))
        expect(secrets).toContain(name);
      const variables = containersOf(spec).flatMap(({ env }) => env);
      for (const variable of variables)
        if ("valueFrom" in variable)
          expect(variable.valueFrom.secretKeyRef).toEqual({ name: settings.tokenSecret, key: "token" });
    }
  });

  it("are selected by labels that their pods have", () => {
    const selectors = [
      ...ofKind<Service>(manifests, "Service").map(({ spec }) => spec.selector),
      ...ofKind<Deployment>(manifests, "Deployment").map(
        ({ spec }) => (spec["selector"] as { matchLabels: Record<string, string> }).matchLabels,
      ),
      ...ofKind<Deployment>(manifests, "PodDisruptionBudget").map(
        ({ spec }) => (spec["selector"] as { matchLabels: Record<string, string> }).matchLabels,
      ),
    ];
    for (const selector of selectors)
      expect(pods.filter(({ labels }) => contains(labels, selector))).toHaveLength(1);
  });

  it("name images by their digests and are never pulled again", () => {
    for (const { image, imagePullPolicy } of pods.flatMap(({ spec }) => containersOf(spec))) {
      expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
      expect(imagePullPolicy).toBe("IfNotPresent");
    }
  });

  it("give a token of the API server to publish only", () => {
    for (const { owner, spec } of pods) {
      expect([owner, spec.automountServiceAccountToken]).toEqual([owner, false]);
      const tokens = spec.volumes.filter((volume) => JSON.stringify(volume).includes("serviceAccountToken"));
      const holders = containersOf(spec).filter(({ volumeMounts }) =>
        volumeMounts.some(({ name }) => tokens.some((token) => token.name === name)),
      );
      const isTraining = tokens.length > 0;
      expect(holders.map(({ name }) => name)).toEqual(isTraining ? ["publish"] : []);
    }
  });

  it("let a Job write to one ConfigMap and nothing else", () => {
    const roles = ofKind<Manifest & { rules: unknown[] }>(manifests, "Role");
    expect(roles).toHaveLength(plan.fineTunes.length);
    for (const { metadata, rules } of roles)
      expect(rules).toEqual([
        {
          apiGroups: [""],
          resources: ["configmaps"],
          resourceNames: [metadata.name],
          verbs: ["get", "patch"],
        },
      ]);
    const bindings = ofKind<Manifest & { roleRef: { name: string }; subjects: { name: string }[] }>(
      manifests,
      "RoleBinding",
    );
    for (const { metadata, roleRef, subjects } of bindings) {
      expect(roleRef.name).toBe(metadata.name);
      for (const { name } of subjects) expect(names("ServiceAccount")).toContain(name);
    }
    expect(ofKind(manifests, "ClusterRole")).toEqual([]);
  });

  it("open the network by these policies and no others", () => {
    expect(openingsOf(manifests)).toEqual({
      "default-deny": [],
      dns: [53, 5353].flatMap((port) => [`to kube-system UDP ${port}`, `to kube-system TCP ${port}`]),
      gateway: ["from anywhere TCP 8080", "to server TCP 8000"],
      server: ["from gateway TCP 8000"],
      training: [`to ${settings.apiServerCidr} TCP 443`, `to ${settings.apiServerCidr} TCP 6443`],
      staging: ["0.0.0.0/0", "::/0"].map((cidr) => `to ${cidr} TCP ${hubPort(settings.hubEndpoint)}`),
    });
    const [deny] = ofKind<NetworkPolicy>(manifests, "NetworkPolicy");
    expect(deny?.spec).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  });

  it("show data to training only, and nothing of it to a pod that may reach outside", () => {
    const seesData = pods.filter(({ spec }) => JSON.stringify(spec.volumes).includes('"data-'));
    expect(seesData.map(({ labels }) => labels["app.kubernetes.io/component"])).toEqual(
      plan.fineTunes.map(() => "training"),
    );
  });

  it("tell the way to the hub to staging only: its address and its token", () => {
    for (const { labels, spec } of pods) {
      const isStaging = labels["app.kubernetes.io/component"] === "staging";
      const known = containersOf(spec).flatMap(({ env }) => env.map(({ name }) => name));
      const told = known.filter((name) => name === "HF_TOKEN" || name === "HF_ENDPOINT");
      const wanted = [
        ...(settings.hubEndpoint === null ? [] : ["HF_ENDPOINT"]),
        ...(settings.tokenSecret === null ? [] : ["HF_TOKEN"]),
      ];
      expect(told).toEqual(isStaging ? wanted : []);
      if (isStaging) expect(known).not.toContain("HF_HUB_OFFLINE");
    }
  });

  it("keep within the quota on GPUs, all of them running at once", () => {
    const [quota] = ofKind<Manifest & { spec: { hard: Record<string, string> } }>(manifests, "ResourceQuota");
    const gpus = pods.filter(usesGpu).length;
    expect(Number(quota?.spec.hard["requests.nvidia.com/gpu"])).toBe(gpus);
  });

  it("have no secret among their arguments, environment and ConfigMaps", () => {
    const variables = pods.flatMap(({ spec }) => containersOf(spec)).flatMap(({ env }) => env);
    expect(
      variables.filter((variable) => /TOKEN$|KEY$|SECRET/.test(variable.name) && "value" in variable),
    ).toEqual([]);
    for (const { data } of ofKind<ConfigMap>(manifests, "ConfigMap"))
      expect(Object.keys(data).every((key) => key.endsWith(".json"))).toBe(true);
    for (const { immutable } of ofKind<Secret>(manifests, "Secret")) expect(immutable).toBe(true);
  });
});

const contains = (labels: Record<string, string>, selector: Record<string, string>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

type Peer = { ipBlock?: { cidr: string }; podSelector?: Selector; namespaceSelector?: Selector };
type Selector = { matchLabels: Record<string, string> };

function openingsOf(manifests: Manifest[]): Record<string, string[]> {
  const peerName = ({ ipBlock, podSelector, namespaceSelector }: Peer) =>
    ipBlock?.cidr ??
    podSelector?.matchLabels["app.kubernetes.io/component"] ??
    namespaceSelector?.matchLabels["kubernetes.io/metadata.name"];
  return Object.fromEntries(
    ofKind<NetworkPolicy>(manifests, "NetworkPolicy").map(({ metadata, spec }) => [
      metadata.name,
      [
        ...(spec.ingress ?? []).map((rule) => ({ ...rule, way: "from", peers: rule.from })),
        ...(spec.egress ?? []).map((rule) => ({ ...rule, way: "to", peers: rule.to })),
      ].flatMap(({ way, peers, ports }) =>
        ((peers as Peer[] | undefined) ?? [null]).flatMap((peer) =>
          ports.map(
            ({ protocol, port }) =>
              `${way} ${peer === null ? "anywhere" : peerName(peer)} ${protocol} ${port}`,
          ),
        ),
      ),
    ]),
  );
}

describe("names of objects", () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/).filter((text) => text.length <= 40);

  it("are DNS labels of at most 63 characters, each once of its kind, whatever a fine-tune is called", () => {
    fc.assert(
      fc.property(
        name,
        fc.oneof(name, fc.constantFrom("stage-x", "x")),
        fc.stringMatching(/^[\w.-]{1,100}$/),
        (first, second, stack) => {
          fc.pre(first !== second);
          const plan = exampleStack({}, [{ name: first }, { name: second }], hub, stack);
          const manifests = exampleManifests(plan);
          for (const { metadata } of manifests) {
            expect(metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
            expect(metadata.name.length).toBeLessThanOrEqual(63);
            for (const value of Object.values(metadata.labels))
              expect(value).toMatch(/^([A-Za-z0-9][\w.-]{0,61})?[A-Za-z0-9]?$/);
          }
          const keys = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
          expect(new Set(keys).size).toBe(keys.length);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("the check of Pod Security", () => {
  const [pod] = podsOf(exampleManifests(exampleStack()));
  it.each([
    ["a host path", { volumes: [{ name: "host", hostPath: { path: "/" } }] }, ["Volume types"]],
    ["the host's network", { hostNetwork: true }, ["Host namespaces"]],
    [
      "no seccomp profile",
      { securityContext: {}, containers: [{ name: "c", image: TRAINER }], initContainers: [] },
      [
        "Privilege escalation of container c",
        "Running as non-root of container c",
        "Seccomp of container c",
        "Capabilities of container c",
      ],
    ],
  ])("finds %s", (_what, change, faults) => {
    expect(restrictedFaults({ ...pod!.spec, ...change } as never)).toEqual(faults);
  });
});
