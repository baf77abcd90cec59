// Plain JavaScript on purpose: Pulumi's dynamic-provider process runs without tsx, and this is the one
// file that it imports by itself. Everything behind it is TypeScript again.
import { register } from "tsx/esm/api";

// Once a process: each registration has modules of its own, and those of a cluster's client take a second to load.
const typescript = register({ namespace: "tuneform" });

/**
 * The `lifecycle` that a module of this folder exports.
 * @param {string} module file name, for example "run.ts"
 */
export const load = async (module) => (await typescript.import(`./${module}`, import.meta.url)).lifecycle;
