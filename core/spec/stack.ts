import { z } from "zod";
import { nearest } from "./explain.ts";
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
    .enum(["local"], "`local` is the target that is built; kubernetes and aws come with later releases")
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
});

/** Names of the `tuneform:` keys, without the prefix. */
export const STACK_KEYS = Object.keys(stackSchema.shape) as (keyof StackConfig)[];

/** How and where a stack's fine-tunes are made. `workspace` and `models` are relative to the project. */
export type StackConfig = z.infer<typeof stackSchema>;

/** Validate the `tuneform:` keys (values are strings). Throws InvalidInput naming `file` and each key. */
export function parseStackConfig(raw: Record<string, string>, file: string): StackConfig {
  const result = stackSchema.safeParse(raw);
  if (result.success) return result.data;
  throw new InvalidInput(
    result.error.issues.flatMap((issue): Problem[] => {
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((key) => ({
          file,
          path: `tuneform:${key}`,
          message: "is not a key of the stack",
          hint: nearKey(key),
        }));
      return [{ file, path: `tuneform:${issue.path.join(".")}`, message: issue.message }];
    }),
  );
}

function nearKey(key: string): string {
  const near = nearest(key, STACK_KEYS);
  return near === undefined ? `one of ${STACK_KEYS.join(", ")}` : `did you mean ${near}?`;
}
