import { z } from "zod";
import { explain, nearest } from "./explain.ts";
import { kubernetesSchema, type KubernetesSettings } from "./kubernetes.ts";
import { InvalidInput, type Problem } from "./problems.ts";

/** The engine keeps every value as text. */
const integer = (limits: z.ZodNumber) =>
  z.string().regex(/^\d+$/, "must be a whole number").transform(Number).pipe(limits);
const folderOrGlob = z.string().min(1, "must not be empty");

/** Where a project keeps base models of its own; the one name that need not be there. */
export const DEFAULT_CATALOG_FILE = "catalog.yaml";

/** `tuneform:` keys of Pulumi.<stack>.yaml; the same keys, with descriptions, stand in Pulumi.yaml. */
const stackSchema = z.strictObject({
  target: z
    .enum(
      ["local", "kubernetes"],
      "`local` and `kubernetes` are the targets that are built; aws comes with a later release",
    )
    .default("local"),
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
});

/** Names of the `tuneform:` keys, without the prefix. */
export const STACK_KEYS = Object.keys(stackSchema.shape) as (keyof StackConfig)[];

/** How and where a stack's fine-tunes are made. `workspace` and `models` are relative to the project. */
export interface StackConfig extends Omit<z.infer<typeof stackSchema>, "kubernetes"> {
  /** Of target kubernetes; null of another. */
  kubernetes: KubernetesSettings | null;
}

/** Validate the `tuneform:` keys (values are strings). Throws InvalidInput naming `file` and each key. */
export function parseStackConfig(raw: Record<string, string>, file: string): StackConfig {
  const result = stackSchema.safeParse(raw);
  const cluster = clusterOf(raw);
  const faults = [...(result.success ? [] : result.error.issues.flatMap(faultsOf)), ...cluster.faults];
  if (!result.success || faults.length > 0)
    throw new InvalidInput(faults.map(({ path, ...rest }) => ({ file, path: `tuneform:${path}`, ...rest })));
  return { ...result.data, kubernetes: cluster.settings };
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

/** The structured key, or what is wrong with it; it and the target need each other. */
function clusterOf({ target = "local", kubernetes: text = "{}" }: Record<string, string>): {
  settings: KubernetesSettings | null;
  faults: Fault[];
} {
  const kubernetes = text === "{}" ? "" : text;
  const fault = (message: string, hint: string) => ({
    settings: null,
    faults: [{ path: "kubernetes", message, hint }],
  });
  if (target !== "kubernetes")
    return kubernetes === ""
      ? { settings: null, faults: [] }
      : fault(`is for target kubernetes, this is ${target}`, "set tuneform:target, or remove it");
  if (kubernetes === "") return fault("is missing", "see Pulumi.kubernetes.example.yaml");
  let value: unknown;
  try {
    value = JSON.parse(kubernetes);
  } catch {
    return fault(`must be a block of keys (is ${kubernetes})`, "see Pulumi.kubernetes.example.yaml");
  }
  const result = kubernetesSchema.safeParse(value);
  if (result.success) return { settings: result.data, faults: [] };
  const explained = result.error.issues.flatMap((issue) => explain(issue, value, kubernetesSchema));
  return {
    settings: null,
    faults: explained.map(({ path, ...rest }) => ({ path: ["kubernetes", ...path].join("."), ...rest })),
  };
}
