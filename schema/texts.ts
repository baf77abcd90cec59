import { z } from "zod";
import { fineTuneSchema } from "../core/spec/fine-tune.ts";
import { runFileSchema, serverFileSchema } from "../core/spec/run-file.ts";

/** Text of every generated schema file; a test compares them with what is committed. */
export function schemaTexts(): Record<string, string> {
  const text = (schema: z.ZodType, io: "input" | "output") =>
    `${JSON.stringify(z.toJSONSchema(schema, { io }), null, 2)}\n`;
  return {
    "fine-tune.schema.json": text(fineTuneSchema, "input"),
    "run.schema.json": text(runFileSchema, "output"),
    "server.schema.json": text(serverFileSchema, "output"),
  };
}
