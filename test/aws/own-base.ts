import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { readBaseFolder } from "../../loading/base-folder.ts";
import { CONFIGS } from "../unit/hub-configs.ts";
import { root } from "../unit/kubernetes-example.ts";

export interface OwnBase {
  /** Of everything: to be removed. */
  folder: string;
  /** Model file, absolute. */
  model: string;
  /** Of the base: 12 digits of its digest. */
  digest: string;
}

/** A fine-tune of the examples on a base of one's own, in a folder: the size of Mistral 7B, without its weights. */
export function ownBase(name = "route-own"): OwnBase {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tuneform-own-"));
  const base = path.join(folder, "mine");
  fs.mkdirSync(base);
  fs.writeFileSync(path.join(base, "config.json"), JSON.stringify(CONFIGS["mistral-7b-v0.3"]));
  fs.writeFileSync(path.join(base, "model.safetensors"), "weights");
  const examples = path.join(root, "examples");
  const text = fs
    .readFileSync(path.join(examples, "aws", "route-mistral-7b.yaml"), "utf8")
    .replace(/^name: .*$/m, `name: ${name}`)
    .replace(/^base: .*$/m, "base: { folder: mine }")
    .replace("../mail/", `${path.relative(folder, path.join(examples, "mail"))}/`);
  const model = path.join(folder, `${name}.yaml`);
  fs.writeFileSync(model, text);
  const found = readBaseFolder(base);
  if (typeof found === "string") throw new Error(found);
  return { folder, model, digest: found.digest.slice(0, 12) };
}
