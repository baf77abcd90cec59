// Plain JavaScript on purpose: Pulumi's dynamic-provider process runs without tsx, and this is the one
// file that it imports by itself. Everything behind it is TypeScript again.
import { tsImport } from "tsx/esm/api";

/**
 * The `lifecycle` that a module of this folder exports.
 * @param {string} module file name, for example "run.ts"
 */
export const load = async (module) => (await tsImport(`./${module}`, import.meta.url)).lifecycle;
