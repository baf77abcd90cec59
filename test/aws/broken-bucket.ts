import { allowing, first, gpuPod, type Broken, type Change } from "./breaking.ts";
import type { Inputs } from "./mock-state.ts";
import { at, list, ofType, podsOf, type StackSet } from "./stack-set.ts";

/** Of a server that reads the bucket. */
const serverPod = (set: StackSet) =>
  first(
    podsOf(set).filter(
      ({ owner, spec }) =>
        ofType(set, "Deployment").includes(owner) &&
        list(spec.volumes).some((each) => at(each, "name") === "bucket"),
    ),
  ).spec as unknown as Inputs;

const bucketIn = (named: unknown): Inputs =>
  first(list<Inputs>(named).filter((each) => each["name"] === "bucket"));

/** Add a statement to the role of a server. */
const serverAllowing = (statement: object): Change => allowing(statement, /^serve-/);

/** Pods and roles of which the bucket would not be safe, or that would not get as far as it. */
export const BROKEN_BUCKET: Broken[] = [
  [
    "only `publish` writes to the bucket, and what mounts it has a role",
    "a server that could write",
    (set) => delete (bucketIn(serverPod(set)["volumes"])["persistentVolumeClaim"] as Inputs)["readOnly"],
    /^Deployment deployment-server-\S+ could write to the bucket/,
  ],
  [
    "only `publish` writes to the bucket, and what mounts it has a role",
    "a server whose container could write",
    (set) => delete bucketIn(at(serverPod(set), "containers", 0, "volumeMounts"))["readOnly"],
    /: server could write to the bucket/,
  ],
  [
    "only `publish` writes to the bucket, and what mounts it has a role",
    "a training that could write checkpoints there",
    (set) => {
      const train = first(list<Inputs>(gpuPod(set)["initContainers"]).filter(({ name }) => name === "train"));
      list(train["volumeMounts"]).push({ name: "bucket", mountPath: "/bucket" });
    },
    /: train could write to the bucket/,
  ],
  [
    "only `publish` writes to the bucket, and what mounts it has a role",
    "a server without an account",
    (set) => delete serverPod(set)["serviceAccountName"],
    /mounts the bucket without a role/,
  ],
  [
    "only `publish` writes to the bucket, and what mounts it has a role",
    "a role for an account that no pod has",
    (set) =>
      (first(ofType(set, "PodIdentityAssociation").filter(({ name }) => name.startsWith("serve-"))).inputs[
        "serviceAccount"
      ] = "server-other"),
    /^PodIdentityAssociation serve-\S+: nothing takes it/,
  ],
  [
    "only `publish` writes to the bucket, and what mounts it has a role",
    "an account that is not made",
    (set) => (set.resources = set.resources.filter(({ name }) => !name.startsWith("serviceaccount-server-"))),
    /runs as server-\S+, which nothing declares/,
  ],
  [
    "servers read their own adapters and base, and write nothing",
    "a server whose role could write",
    serverAllowing({ Action: "s3:PutObject", Resource: "arn:aws:s3:::own/adapters/route-phi-3-mini/*" }),
    /^server \S+ may s3:PutObject/,
  ],
  [
    "servers read their own adapters and base, and write nothing",
    "a server that reads another fine-tune's adapters",
    serverAllowing({ Action: "s3:GetObject", Resource: "arn:aws:s3:::own/adapters/billing/*" }),
    /reads adapters\/billing\/\*, which is not its own/,
  ],
  [
    "servers read their own adapters and base, and write nothing",
    "a server that reads all adapters",
    serverAllowing({ Action: "s3:GetObject", Resource: "arn:aws:s3:::own/adapters/*" }),
    /reads adapters\/\*, which is not its own/,
  ],
  [
    "servers read their own adapters and base, and write nothing",
    "a server that cannot read its adapters",
    (set) => {
      const { inputs } = first(ofType(set, "RolePolicy").filter(({ name }) => name.startsWith("serve-")));
      inputs["policy"] = String(inputs["policy"]).replace("/*", "/none");
    },
    /cannot read adapters\/route-/,
  ],
  [
    "servers read their own adapters and base, and write nothing",
    "a server without a role",
    (set) =>
      (set.resources = set.resources.filter(
        ({ type, name }) => !(type.endsWith(":PodIdentityAssociation") && name.startsWith("serve-")),
      )),
    /^server \S+ has no role/,
  ],
];
