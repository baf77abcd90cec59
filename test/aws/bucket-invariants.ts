import type { PolicyDocument, Statement } from "../../core/aws/policies.ts";
import type { PodSpec, Volume } from "../../core/kubernetes/manifest.ts";
import { names } from "../../core/kubernetes/names.ts";
import type { ServerPlan } from "../../core/plan/servers.ts";
import type { Collected } from "./collect.ts";
import { at, label, list, ofType, podsOf, type SetPod, type StackSet } from "./stack-set.ts";

const volumeOf = ({ volumes }: PodSpec) =>
  list<Volume>(volumes).find((volume) => at(volume, "persistentVolumeClaim", "claimName") === "bucket");

const mountersOf = (set: StackSet) => podsOf(set).filter(({ spec }) => volumeOf(spec) !== undefined);

const grantsOf = (set: StackSet) =>
  ofType(set, "PodIdentityAssociation").filter(
    ({ inputs }) => inputs["namespace"] === set.plan.kubernetes!.namespace,
  );

const isOf = ({ inputs }: Collected, { namespace, spec }: SetPod) =>
  inputs["namespace"] === namespace && inputs["serviceAccount"] === spec.serviceAccountName;

/** What mounts the bucket has a role for it, and only `publish` could write; no role is there for nothing. */
export function bucketMountFaults(set: StackSet): string[] {
  const mounters = mountersOf(set);
  const grants = grantsOf(set);
  const accounts = ofType(set, "ServiceAccount").map(({ inputs }) => at(inputs, "metadata", "name"));
  return [
    ...mounters.flatMap((pod) => {
      const { owner, spec } = pod;
      const volume = volumeOf(spec)!;
      const isServer = ofType(set, "Deployment").includes(owner);
      const isReadOnly = at(volume, "persistentVolumeClaim", "readOnly") === true;
      return [
        ...(grants.some((grant) => isOf(grant, pod))
          ? []
          : [`${label(owner)} mounts the bucket without a role`]),
        ...(accounts.includes(spec.serviceAccountName)
          ? []
          : [`${label(owner)} runs as ${spec.serviceAccountName}, which nothing declares`]),
        ...(isServer && !isReadOnly ? [`${label(owner)} could write to the bucket`] : []),
        ...[...(spec.initContainers ?? []), ...spec.containers]
          .filter(({ volumeMounts }) =>
            volumeMounts.some((mount) => mount.name === volume.name && mount.readOnly !== true),
          )
          .filter(({ name }) => name !== "publish")
          .map(({ name }) => `${label(owner)}: ${name} could write to the bucket`),
      ];
    }),
    ...grants
      .filter((grant) => !mounters.some((pod) => isOf(grant, pod)))
      .map((grant) => `${label(grant)}: nothing takes it`),
  ];
}

const READING = ["s3:GetObject", "s3:ListBucket"];
const listOf = (value: string | string[] | undefined): string[] => [value ?? []].flat();

/** Keys that a server needs, written again from the plan's own words. */
function neededKeys(
  { fineTunes }: StackSet["plan"],
  { key, engine, weights: served, server }: ServerPlan,
): string[] {
  if (served === "merged") return [];
  const { weights } = server.base;
  const mine = engine === "vllm" ? fineTunes.filter(({ serving }) => serving.server === key) : [];
  const base =
    weights.kind === "folder" && weights.path.startsWith("/bucket/") ? [weights.path.slice(8)] : [];
  return [...mine.map(({ name }) => `adapters/${name}`), ...base];
}

function rightFaults(set: StackSet, server: ServerPlan): string[] {
  const account = names.server(server.key);
  const grant = grantsOf(set).find(({ inputs }) => inputs["serviceAccount"] === account);
  const needed = neededKeys(set.plan, server);
  if (grant === undefined) return needed.length === 0 ? [] : [`server ${server.key} has no role`];
  const policy = ofType(set, "RolePolicy").find(({ name }) => name === grant.name);
  const { Statement: statements } = JSON.parse(String(policy?.inputs["policy"])) as PolicyDocument;
  const readKeys = statements.flatMap(({ Resource }: Statement) =>
    listOf(Resource).map((arn) => arn.split(":::")[1]!.split("/").slice(1).join("/")),
  );
  const onTheWay = needed.map((key) => key.split("/")[0]);
  const allowed = ["", ...onTheWay, ...needed, ...needed.map((key) => `${key}/*`)];
  return [
    ...statements
      .flatMap(({ Action }) => listOf(Action))
      .filter((action) => !READING.includes(action))
      .map((action) => `server ${server.key} may ${action}`),
    ...readKeys
      .filter((key) => !allowed.includes(key))
      .map((key) => `server ${server.key} reads ${key}, which is not its own`),
    ...needed
      .filter((key) => !readKeys.includes(`${key}/*`))
      .map((key) => `server ${server.key} cannot read ${key}`),
  ];
}

/** Servers read the adapters of their own fine-tunes and their own base, and write nothing. */
export const serverRightFaults = (set: StackSet): string[] =>
  set.plan.servers.flatMap((server) => rightFaults(set, server));
