import path from "node:path";
import { ensureAll } from "./ensure.ts";
import { EnvironmentFailure } from "./failure.ts";

try {
  await ensureAll(path.resolve(import.meta.dirname, ".."), console.log);
  console.log("setup: everything is there");
} catch (error) {
  if (!(error instanceof EnvironmentFailure)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
