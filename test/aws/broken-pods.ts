import { container, cpuPod, first, gpuGroup, gpuPod, inputsOf, without, type Broken } from "./breaking.ts";
import type { Inputs } from "./mock-state.ts";
import { at, list } from "./stack-set.ts";

/** Pods and nodes that do not fit together, or that nobody should run. */
export const BROKEN_PODS: Broken[] = [
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a GPU pod without tolerations",
    (set) => delete gpuPod(set)["tolerations"],
    /does not tolerate NodeGroup/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a GPU pod that goes anywhere",
    (set) => delete gpuPod(set)["nodeSelector"],
    /selects no pool/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a GPU pod that goes to each pool",
    (set) => (gpuPod(set)["nodeSelector"] = { "nvidia.com/gpu.present": "true" }),
    /or several/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a pool of another name",
    (set) => ((gpuGroup(set).inputs["labels"] as Inputs)["tuneform.dev/pool"] = "other"),
    /selects no pool/,
  ],
  [
    "GPU pods go to one pool and tolerate it, others stay away",
    "a pod without a GPU that would hold a GPU node",
    (set) => (cpuPod(set)["tolerations"] = [{ key: "nvidia.com/gpu", operator: "Exists" }]),
    /asks for no GPU and tolerates/,
  ],
  [
    "GPU nodes are tainted in the spelling of what makes them",
    "the spelling of pods",
    (set) => (first(list<Inputs>(gpuGroup(set).inputs["taints"]))["effect"] = "NoSchedule"),
    /is not tainted/,
  ],
  [
    "GPU nodes are tainted in the spelling of what makes them",
    "no taint",
    (set) => (gpuGroup(set).inputs["taints"] = []),
    /is not tainted/,
  ],
  [
    "GPU pods fit each instance of their pool",
    "a pod larger than its node",
    (set) => ((at(container(gpuPod(set)), "resources", "requests") as Inputs)["memory"] = "900Gi"),
    /does not fit g/,
  ],
  [
    "GPU pods fit each instance of their pool",
    "a pod of all cores",
    (set) => ((at(container(gpuPod(set)), "resources", "requests") as Inputs)["cpu"] = "8"),
    /does not fit g6.2xlarge/,
  ],
  [
    "GPU pods fit each instance of their pool",
    "a type that is smaller among the others",
    (set) => list<string>(gpuGroup(set).inputs["instanceTypes"]).push("g5.xlarge"),
    /does not fit g5.xlarge/,
  ],
  [
    "claims and classes that are named are declared",
    "a claim that nobody made",
    (set) => list(cpuPod(set)["volumes"]).push({ persistentVolumeClaim: { claimName: "lost" } }),
    /mounts lost/,
  ],
  [
    "claims and classes that are named are declared",
    "no workspace",
    (set) => without(set, ({ type }) => type.endsWith(":PersistentVolumeClaim")),
    /mounts workspace/,
  ],
  [
    "claims and classes that are named are declared",
    "a class that nobody made",
    (set) => without(set, ({ name }) => name === "storageclass-tuneform-test-efs"),
    /names class tuneform-test-efs/,
  ],
  [
    "images are pinned by their digests",
    "a tag",
    (set) => (container(gpuPod(set))["image"] = "trainer:latest"),
    /trainer:latest, which is not pinned/,
  ],
  [
    "pods are restricted",
    "the host's network",
    (set) => (gpuPod(set)["hostNetwork"] = true),
    /Host namespaces/,
  ],
  [
    "pods are restricted",
    "a namespace that lets everything run",
    inputsOf("Namespace", (inputs) => delete (inputs["metadata"] as Inputs)["labels"]),
    /does not enforce/,
  ],
  [
    "the device plugin is where an image lacks it",
    "no plugin",
    (set) => without(set, ({ type }) => type.endsWith(":DaemonSet")),
    /0 device plugins/,
  ],
  [
    "the device plugin is where an image lacks it",
    "an image that has it",
    (set) => (set.plan.aws!.gpu.ami = "bottlerocket"),
    /1 device plugins/,
  ],
  [
    "the device plugin is where an image lacks it",
    "a pool that it does not find",
    (set) => delete (gpuGroup(set).inputs["labels"] as Inputs)["nvidia.com/gpu.present"],
    /does not run on NodeGroup/,
  ],
];
