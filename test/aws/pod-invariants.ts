import { INSTANCES } from "../../core/catalog/instances.ts";
import { coresOf } from "../../core/plan/cores.ts";
import { allocatable, GPU_TAINT } from "../../core/plan/gpu-pools.ts";
import type { Container, PodSpec } from "../../core/kubernetes/manifest.ts";
import { restrictedFaults } from "../unit/pod-security.ts";
import {
  at,
  label,
  list,
  nodePoolsOf,
  ofType,
  podsOf,
  usesGpu,
  type NodePool,
  type SetPod,
  type StackSet,
} from "./stack-set.ts";

const contains = (labels: Record<string, string>, selector: Record<string, string>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** The pool that a GPU pod goes to; null where its selector names none, or several. */
function poolOf(pools: readonly NodePool[], { spec }: SetPod): NodePool | null {
  const selector = spec.nodeSelector ?? {};
  const [found, ...others] = pools.filter(({ labels }) => contains(labels, selector));
  return Object.keys(selector).length === 0 || others.length > 0 ? null : (found ?? null);
}

/** Whether a pod may run on nodes with a pool's taints, whose effect is spelled as its maker does. */
const tolerates = ({ tolerations = [] }: PodSpec, { taints, spelling }: NodePool): boolean =>
  taints.every(({ key, value, effect }) =>
    list<Record<string, string>>(tolerations).some(
      (each) =>
        each["key"] === key &&
        (each["operator"] === "Exists" || each["value"] === value) &&
        each["effect"] === (effect === spelling ? GPU_TAINT.effect : effect),
    ),
  );

/** GPU pods go to one pool, whose taint they tolerate; others stay away from GPU nodes. */
export function placementFaults(set: StackSet): string[] {
  const pools = nodePoolsOf(set);
  return podsOf(set).flatMap((pod) => {
    const name = label(pod.owner);
    const isPlugin = ofType(set, "DaemonSet").includes(pod.owner);
    if (!usesGpu(pod))
      return !isPlugin && list(pod.spec.tolerations).length > 0
        ? [`${name} asks for no GPU and tolerates its nodes`]
        : [];
    const pool = poolOf(pools, pod);
    if (pool === null) return [`${name} selects no pool, or several`];
    return tolerates(pod.spec, pool) ? [] : [`${name} does not tolerate ${label(pool.owner)}`];
  });
}

/** GPU nodes are tainted, and each maker of nodes reads the effect in its own spelling. */
export const taintFaults = (set: StackSet): string[] =>
  nodePoolsOf(set).flatMap(({ owner, taints, spelling }) =>
    taints.some(
      ({ key, value, effect }) => key === GPU_TAINT.key && value === GPU_TAINT.value && effect === spelling,
    )
      ? []
      : [`${label(owner)} is not tainted ${GPU_TAINT.key}=${GPU_TAINT.value}:${spelling}`],
  );

const UNITS: Record<string, number> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

function bytesOf(quantity: string): number {
  const [, number, unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(quantity) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined) throw new Error(`no quantity: ${quantity}`);
  return Number(number) * factor;
}

interface Asked {
  bytes: number;
  cores: number;
  gpus: number;
}

const askedBy = ({ resources: { requests } }: Container): Asked => ({
  bytes: bytesOf(requests["memory"] ?? "0"),
  cores: coresOf(requests["cpu"] ?? "0"),
  gpus: Number(requests["nvidia.com/gpu"] ?? 0),
});

/** As the scheduler counts: all containers together, or one init container, whichever is more. */
export function askedByPod({ initContainers = [], containers }: PodSpec): Asked {
  const sum = (key: keyof Asked) => containers.map((each) => askedBy(each)[key]).reduce((a, b) => a + b, 0);
  const most = (key: keyof Asked) =>
    Math.max(sum(key), ...initContainers.map((container) => askedBy(container)[key]));
  return { bytes: most("bytes"), cores: most("cores"), gpus: most("gpus") };
}

/** GPU pods fit each type that their pool may start. */
export function sizeFaults(set: StackSet): string[] {
  const pools = nodePoolsOf(set);
  return podsOf(set)
    .filter(usesGpu)
    .flatMap((pod) => {
      const asked = askedByPod(pod.spec);
      return (poolOf(pools, pod)?.instanceTypes ?? []).flatMap((type) => {
        const instance = INSTANCES.find((each) => each.type === type);
        if (instance === undefined) return [`${type} is not in the catalog`];
        const { bytes, cores } = allocatable(instance);
        const fits = asked.bytes <= bytes && asked.cores <= cores && asked.gpus <= instance.count;
        return fits ? [] : [`${label(pod.owner)} does not fit ${type}`];
      });
    });
}

/** Claims that pods mount are declared, or the stack file's own; so are the classes that they name. */
export function volumeFaults(set: StackSet): string[] {
  const claims = ofType(set, "PersistentVolumeClaim");
  const known = claims.map(({ inputs }) => at(inputs, "metadata", "name"));
  const classes = ofType(set, "StorageClass").map(({ inputs }) => at(inputs, "metadata", "name"));
  const mounted = podsOf(set).flatMap(({ owner, spec }) =>
    list(spec.volumes).flatMap((volume) => {
      const claim = at(volume, "persistentVolumeClaim", "claimName") as string | undefined;
      const isThere =
        claim === undefined || known.includes(claim) || claim === set.plan.kubernetes?.workspaceClaim;
      return isThere ? [] : [`${label(owner)} mounts ${claim}, which nothing declares`];
    }),
  );
  const named = claims.flatMap((owner) => {
    const storageClass = at(owner.inputs, "spec", "storageClassName");
    // "" is a claim of a volume that is named.
    return storageClass === "" || classes.includes(storageClass)
      ? []
      : [`${label(owner)} names class ${String(storageClass)}, which nothing declares`];
  });
  return [...mounted, ...named];
}

/** Whatever runs is named by its digest. */
export const imageFaults = (set: StackSet): string[] =>
  podsOf(set).flatMap(({ owner, spec }) =>
    [...(spec.initContainers ?? []), ...spec.containers]
      .filter(({ image }) => !/@sha256:[0-9a-f]{64}$/.test(image))
      .map(({ image }) => `${label(owner)} runs ${image}, which is not pinned`),
  );

/** Pods of the stack's own namespace are admitted by Pod Security `restricted`, which it enforces. */
export function podSecurityFaults(set: StackSet): string[] {
  const { namespace } = set.plan.kubernetes ?? {};
  const enforced = ofType(set, "Namespace").some(
    ({ inputs }) =>
      at(inputs, "metadata", "name") === namespace &&
      at(inputs, "metadata", "labels", "pod-security.kubernetes.io/enforce") === "restricted",
  );
  const broken = podsOf(set)
    .filter((pod) => pod.namespace === namespace)
    .flatMap(({ owner, spec }) => restrictedFaults(spec).map((fault) => `${label(owner)}: ${fault}`));
  return [...(enforced ? [] : [`namespace ${namespace} does not enforce restricted`]), ...broken];
}

/** NVIDIA's plugin is there exactly where the image lacks it, and runs on the nodes of every pool. */
export function devicePluginFaults(set: StackSet): string[] {
  const { gpu, pools } = set.plan.aws!;
  const isNeeded = gpu.ami === "al2023" && gpu.nodes !== "auto-mode" && pools.length > 0;
  const plugins = podsOf(set).filter(({ owner }) => owner.name.startsWith("daemonset-nvidia-device-plugin-"));
  if (plugins.length !== (isNeeded ? 1 : 0)) return [`${plugins.length} device plugins`];
  return plugins.flatMap(({ spec }) =>
    nodePoolsOf(set)
      .filter((pool) => !contains(pool.labels, spec.nodeSelector ?? {}) || !tolerates(spec, pool))
      .map(({ owner }) => `the device plugin does not run on ${label(owner)}`),
  );
}
