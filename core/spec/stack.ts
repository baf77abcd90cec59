import { z } from "zod";
import { INSTANCES } from "../catalog/instances.ts";
import { awsSchema, type AwsSettings } from "./aws.ts";
import { explain, nearest } from "./explain.ts";
import { kubernetesOnAwsSchema, kubernetesSchema, type KubernetesSettings } from "./kubernetes.ts";
import { InvalidInput, type Problem } from "./problems.ts";

/** The engine keeps every value as text. */
const integer = (limits: z.ZodNumber) =>
  z.string().regex(/^\d+$/, "must be a whole number").transform(Number).pipe(limits);
const folderOrGlob = z.string().min(1, "must not be empty");

/** Where a project keeps base models of its own; the one name that need not be there. */
export const DEFAULT_CATALOG_FILE = "catalog.yaml";

/** `tuneform:` keys of Pulumi.<stack>.yaml; the same keys, with descriptions, stand in Pulumi.yaml. */
const stackSchema = z.strictObject({
  target: z.enum(["local", "kubernetes", "aws"], "must be local, kubernetes or aws").default("local"),
  models: folderOrGlob.default("models/*.yaml"),
  workspace: folderOrGlob.default(".tuneform/workspace"),
  port: integer(
    z
      .number()
      .min(1024, "ports below 1024 need root: choose one from 1024 to 65535")
      .max(65535, "must be at most 65535"),
  ).default(8017),
  parallelism: integer(z.number().min(1, "must be at least 1")).default(1),
  /** A hardware file: core/spec/hardware.ts. Empty: the catalog's list prices. */
  hardware: z.string().default(""),
  /** Base models of one's own: core/spec/catalog-file.ts. */
  catalog: folderOrGlob.default(DEFAULT_CATALOG_FILE),
  weights: z.enum(["hub", "package"], "must be `hub` or `package`").default("package"),
  /** JSON text of core/spec/kubernetes.ts. `{}`, the default in Pulumi.yaml, and empty: none. */
  kubernetes: z.string().default("{}"),
  /** JSON text of core/spec/aws.ts; the same. */
  aws: z.string().default("{}"),
});

/** Names of the `tuneform:` keys, without the prefix. */
export const STACK_KEYS = Object.keys(stackSchema.shape) as (keyof StackConfig)[];

/** How and where a stack's fine-tunes are made. `workspace` and `models` are relative to the project. */
export interface StackConfig extends Omit<z.infer<typeof stackSchema>, "kubernetes" | "aws"> {
  /** Of the targets kubernetes and aws; null of another. */
  kubernetes: KubernetesSettings | null;
  /** Of target aws; null of another. */
  aws: AwsSettings | null;
}

/** Validate the `tuneform:` keys (values are strings). Throws InvalidInput naming `file` and each key. */
export function parseStackConfig(raw: Record<string, string>, file: string): StackConfig {
  const result = stackSchema.safeParse(raw);
  const aws = blockOf(raw, "aws", ["aws"], awsSchema);
  const inCluster = { ...(aws.value === null ? {} : awsDefaults(aws.value)) };
  const inside = raw["target"] === "aws" ? kubernetesOnAwsSchema : kubernetesSchema;
  const cluster = blockOf(raw, "kubernetes", ["kubernetes", "aws"], inside, inCluster);
  const faults = [
    ...(result.success ? [] : result.error.issues.flatMap(faultsOf)),
    ...aws.faults,
    // What a wrong `aws` leaves open of it would be told as missing.
    ...(raw["target"] === "aws" && aws.value === null ? [] : cluster.faults),
  ];
  if (!result.success || faults.length > 0)
    throw new InvalidInput(faults.map(({ path, ...rest }) => ({ file, path: `tuneform:${path}`, ...rest })));
  return { ...result.data, kubernetes: cluster.value, aws: aws.value };
}

/** What a cluster on AWS has unless its `tuneform:kubernetes` says otherwise. */
function awsDefaults({ network, gpu }: AwsSettings): Record<string, unknown> {
  return {
    // Nodes that train and nodes that serve share the volume, in whichever zone they could be had; its class is the
    // stack's own, by a name that follows from the stack's.
    accessMode: "ReadWriteMany",
    apiServerCidr: network.cidr,
    // The device plugin and the GPU of each pod follow from the pools; this one is only "there are GPUs".
    gpu: INSTANCES.find(({ type }) => type === (gpu.instances?.[0] ?? "g6.xlarge"))?.gpu ?? "l4",
  };
}

type Fault = Omit<Problem, "file"> & { path: string };

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ path: key, message: "is not a key of the stack", hint: nearKey(key) }));
  return [{ path: issue.path.join("."), message: issue.message }];
}

function nearKey(key: string): string {
  const near = nearest(key, STACK_KEYS);
  return near === undefined ? `one of ${STACK_KEYS.join(", ")}` : `did you mean ${near}?`;
}

/** A structured key, or what is wrong with it; it and `targets` need each other. `defaults` fill it in. */
function blockOf<T extends z.ZodType>(
  raw: Record<string, string>,
  key: "kubernetes" | "aws",
  targets: readonly string[],
  schema: T,
  defaults: Record<string, unknown> = {},
): { value: z.infer<T> | null; faults: Fault[] } {
  const { target = "local", [key]: given = "{}" } = raw;
  const text = given === "{}" ? "" : given;
  const example = `see Pulumi.${target}.example.yaml`;
  const fault = (message: string, hint: string) => ({
    value: null,
    faults: [{ path: key, message, hint }],
  });
  if (!targets.includes(target))
    return text === ""
      ? { value: null, faults: [] }
      : fault(
          `is for target ${targets.join(" or ")}, this is ${target}`,
          "set tuneform:target, or remove it",
        );
  if (text === "") return fault("is missing", example);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fault(`must be a block of keys (is ${text})`, example);
  }
  const whole =
    typeof value === "object" && value !== null && !Array.isArray(value) ? { ...defaults, ...value } : value;
  const result = schema.safeParse(whole);
  if (result.success) return { value: result.data, faults: [] };
  const explained = result.error.issues.flatMap((issue) => explain(issue, whole, schema));
  return {
    value: null,
    faults: explained.map(({ path, ...rest }) => ({ path: [key, ...path].join("."), ...rest })),
  };
}
