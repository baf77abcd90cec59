import path from "node:path";
import { readStackFile as read } from "../loading/stack-files.ts";

/** The folder with Pulumi.yaml, core/ and components/: this command's own project. */
export const projectRoot = path.resolve(import.meta.dirname, "..");

/** `tuneform:` keys of Pulumi.<stack>.yaml of this project. Throws InvalidInput. */
export const readStackFile = (stack: string) => read(projectRoot, stack);
