import { z } from "zod";
import { InvalidInput, type Problem } from "./problems.ts";

const integerText = (text: string) => z.coerce.number(text).int(text);

/** `tuneform:` keys of Pulumi.<stack>.yaml; the same keys, with descriptions, stand in Pulumi.yaml. */
const stackSchema = z.strictObject({
  target: z
    .enum(["local"], "`local` is the target that is built; kubernetes and aws come with later releases")
    .default("local"),
  models: z.string().min(1).default("models/*.yaml"),
  workspace: z.string().min(1).default(".tuneform/workspace"),
  port: integerText("must be a whole number")
    .min(1024, "ports below 1024 need root: choose one from 1024 to 65535")
    .max(65535, "must be at most 65535")
    .default(8017),
  parallelism: integerText("must be a whole number").min(1, "must be at least 1").default(1),
  weights: z.enum(["hub", "package"], "must be `hub` or `package`").default("package"),
});

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
          hint: `one of ${Object.keys(stackSchema.shape).join(", ")}`,
        }));
      return [{ file, path: `tuneform:${issue.path.join(".")}`, message: issue.message }];
    }),
  );
}
