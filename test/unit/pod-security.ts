import type { PodSpec } from "../../core/kubernetes/manifest.ts";
import { containersOf } from "./kubernetes-example.ts";

type Fields = Record<string, unknown>;

interface Control {
  name: string;
  /** Of a pod: its spec. Of a container: itself, and the pod's security context that it falls back to. */
  of: "pod" | "container";
  holds: (subject: Fields, podContext: Fields) => boolean;
}

const SAFE_VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

const isUnset = (value: unknown) => value === undefined || value === false;
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Fields | undefined)?.[key], value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The profile `restricted` of Kubernetes 1.34 (kubernetes.io, Pod Security Standards), Linux pods. */
const RESTRICTED: Control[] = [
  {
    name: "Host namespaces",
    of: "pod",
    holds: (pod) => ["hostNetwork", "hostPID", "hostIPC"].every((key) => isUnset(pod[key])),
  },
  {
    name: "Volume types",
    of: "pod",
    holds: (pod) =>
      list(pod["volumes"]).every((volume) =>
        Object.keys(volume as Fields).every((key) => key === "name" || SAFE_VOLUMES.includes(key)),
      ),
  },
  { name: "Sysctls", of: "pod", holds: (pod) => list(at(pod, "securityContext", "sysctls")).length === 0 },
  { name: "Privileged", of: "container", holds: (own) => isUnset(at(own, "securityContext", "privileged")) },
  {
    name: "Privilege escalation",
    of: "container",
    holds: (own) => at(own, "securityContext", "allowPrivilegeEscalation") === false,
  },
  {
    name: "Running as non-root",
    of: "container",
    holds: (own, pod) => (at(own, "securityContext", "runAsNonRoot") ?? pod["runAsNonRoot"]) === true,
  },
  {
    name: "Running as non-root user",
    of: "container",
    holds: (own, pod) => (at(own, "securityContext", "runAsUser") ?? pod["runAsUser"]) !== 0,
  },
  {
    name: "Seccomp",
    of: "container",
    holds: (own, pod) =>
      ["RuntimeDefault", "Localhost"].includes(
        String(at(own, "securityContext", "seccompProfile", "type") ?? at(pod, "seccompProfile", "type")),
      ),
  },
  {
    name: "Capabilities",
    of: "container",
    holds: (own) =>
      list(at(own, "securityContext", "capabilities", "drop")).includes("ALL") &&
      list(at(own, "securityContext", "capabilities", "add")).every((name) => name === "NET_BIND_SERVICE"),
  },
  {
    name: "Host ports",
    of: "container",
    holds: (own) => list(own["ports"]).every((port) => isUnset((port as Fields)["hostPort"])),
  },
  {
    name: "/proc mount type",
    of: "container",
    holds: (own) => isUnset(at(own, "securityContext", "procMount")),
  },
  {
    name: "SELinux and AppArmor",
    of: "container",
    holds: (own, pod) =>
      ["seLinuxOptions", "appArmorProfile"].every(
        (key) => isUnset(at(own, "securityContext", key)) && isUnset(pod[key]),
      ),
  },
  {
    name: "Host probes",
    of: "container",
    holds: (own) =>
      ["startupProbe", "readinessProbe", "livenessProbe"].every((key) =>
        isUnset(at(own, key, "httpGet", "host")),
      ),
  },
];

/** Controls of the profile that a pod breaks: `Seccomp of container train`. */
export function restrictedFaults(pod: PodSpec): string[] {
  const context = pod.securityContext;
  return RESTRICTED.flatMap(({ name, of, holds }) => {
    if (of === "pod") return holds(pod as unknown as Fields, context) ? [] : [name];
    return containersOf(pod)
      .filter((container) => !holds(container as unknown as Fields, context))
      .map((container) => `${name} of container ${container.name}`);
  });
}
