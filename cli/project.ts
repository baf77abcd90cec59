import path from "node:path";
import type { Catalog } from "../core/catalog/base-models.ts";
import { InvalidInput } from "../core/spec/problems.ts";
import { readCatalog as readCatalogFile } from "../loading/catalog.ts";
import { readStackFile as read, stackFileName, stackNamed } from "../loading/stack-files.ts";

/** The folder with Pulumi.yaml, core/ and components/: this command's own project. */
export const projectRoot = path.resolve(import.meta.dirname, "..");

/** What a person gives as `--stack`; see stackNamed. */
export const stackOption = (name: string) => stackNamed(projectRoot, name);

/** `tuneform:` keys of Pulumi.<stack>.yaml of this project. Throws InvalidInput. */
export const readStackFile = (stack: string) => read(projectRoot, stack);

/** Base models that Pulumi.<stack>.yaml of this project may use. Throws InvalidInput. */
export function readCatalog(stack: string): Catalog {
  const read = readCatalogFile(projectRoot, readStackFile(stack).config.catalog, stackFileName(stack));
  if ("problems" in read) throw new InvalidInput(read.problems);
  return read.catalog;
}
