import { SERVER_PORT } from "../plan/cluster-servers.ts";
import type { StackPlan } from "../plan/plan.ts";
import { EVERYWHERE, hubPort } from "../spec/kubernetes.ts";
import type { Manifest } from "./manifest.ts";
import { clusterOf, componentSelector, metadataOf, type Component } from "./names.ts";
import { GATEWAY_PORT } from "./ports.ts";

export interface NetworkPolicy extends Manifest {
  kind: "NetworkPolicy";
  spec: {
    podSelector: { matchLabels?: Record<string, string> };
    policyTypes: ("Ingress" | "Egress")[];
    ingress?: Rule[];
    egress?: Rule[];
  };
}

interface Rule {
  from?: object[];
  to?: object[];
  ports: { protocol: "TCP" | "UDP"; port: number }[];
}

/** Policies see the DNS pod's own port behind the Service: usually 53, without root often 5353. */
const DNS_PORTS = [53, 5353];
/** Where clouds hand out credentials of the node. */
const METADATA = ["169.254.169.254/32", "fd00:ec2::254/128"] as const;

/** Nothing may reach anything, but what each component cannot do without. */
export function networkPolicies(plan: StackPlan): NetworkPolicy[] {
  const { apiServerCidr, apiServerPorts, hubEndpoint } = clusterOf(plan);
  const gatewayOnly = { podSelector: { matchLabels: componentSelector("gateway") } };
  const servers = { podSelector: { matchLabels: componentSelector("server") } };
  return [
    policy(plan, "default-deny", null, { ingress: [], egress: [] }),
    policy(plan, "dns", null, {
      egress: [{ to: [clusterDns], ports: DNS_PORTS.flatMap((port) => [udp(port), tcp(port)]) }],
    }),
    policy(plan, "gateway", "gateway", {
      ingress: [{ ports: [tcp(GATEWAY_PORT)] }],
      egress: [{ to: [servers], ports: [tcp(SERVER_PORT)] }],
    }),
    policy(plan, "server", "server", { ingress: [{ from: [gatewayOnly], ports: [tcp(SERVER_PORT)] }] }),
    policy(plan, "training", "training", {
      egress: [{ to: [network(apiServerCidr)], ports: apiServerPorts.map(tcp) }],
    }),
    policy(plan, "staging", "staging", {
      egress: [{ to: [network(EVERYWHERE), network("::/0")], ports: [tcp(hubPort(hubEndpoint))] }],
    }),
  ];
}

const tcp = (port: number) => ({ protocol: "TCP" as const, port });
const udp = (port: number) => ({ protocol: "UDP" as const, port });
const clusterDns = {
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
};

/** A network without the addresses at which nodes get their credentials. */
function network(cidr: string): object {
  const [v4, v6] = METADATA;
  const except = cidr === EVERYWHERE ? [v4] : cidr === "::/0" ? [v6] : [];
  return { ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } };
}

function policy(
  plan: StackPlan,
  name: string,
  component: Component | null,
  openings: Pick<NetworkPolicy["spec"], "ingress" | "egress">,
): NetworkPolicy {
  // The API server keeps no empty list: whoever compares files with objects would always see a difference.
  const rules = Object.entries(openings).filter(([, list]) => list.length > 0);
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(plan, name),
    spec: {
      podSelector: component === null ? {} : { matchLabels: componentSelector(component) },
      policyTypes: [
        ...(openings.ingress === undefined ? [] : (["Ingress"] as const)),
        ...(openings.egress === undefined ? [] : (["Egress"] as const)),
      ],
      ...Object.fromEntries(rules),
    },
  };
}
