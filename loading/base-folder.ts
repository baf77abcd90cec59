import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fromHubConfig, type HubModel } from "../core/catalog/hub-config.ts";
import type { BaseFolder } from "../core/plan/resolve.ts";

/** A base model in a local folder, or what is wrong with it in words. */
export function readBaseFolder(folder: string): BaseFolder | string {
  const configFile = path.join(folder, "config.json");
  if (!fs.existsSync(configFile)) return `${folder} has no config.json: not a model in Hugging Face layout`;
  const files = fs
    .readdirSync(folder)
    .filter((file) => fs.statSync(path.join(folder, file), { throwIfNoEntry: false })?.isFile())
    .sort();
  if (!files.some((file) => file.endsWith(".safetensors")))
    return `${folder} has no *.safetensors: other weight formats can carry code and are refused`;
  const read = readConfig(configFile);
  if (typeof read === "string") return read;
  return { path: folder, digest: digestOfFiles(folder, files), ...read };
}

/** Of a config.json, or what is wrong with it in words. */
export function readConfig(file: string): HubModel | string {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    return `${file} cannot be read: ${(error as Error).message}`;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return `${file} is not JSON: ${(error as Error).message}`;
  }
  const config = fromHubConfig(parsed);
  return "faults" in config ? `${file} is not that of a decoder: see ${config.faults.join(", ")}` : config;
}

/** Over names and contents of the files that make the model what it is. */
function digestOfFiles(folder: string, files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files.filter((name) => /\.(json|safetensors|jinja|model|txt)$/.test(name))) {
    hash.update(file).update(digestOfFile(path.join(folder, file)));
  }
  return hash.digest("hex");
}

/** In pieces: weights are larger than any one Buffer. */
function digestOfFile(file: string): Buffer {
  const hash = createHash("sha256");
  const piece = Buffer.alloc(4 * 1024 * 1024);
  const handle = fs.openSync(file, "r");
  try {
    for (let read = fs.readSync(handle, piece); read > 0; read = fs.readSync(handle, piece))
      hash.update(piece.subarray(0, read));
  } finally {
    fs.closeSync(handle);
  }
  return hash.digest();
}
