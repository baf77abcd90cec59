import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { BaseFolder } from "../core/plan/resolve.ts";

interface HuggingFaceConfig {
  num_hidden_layers?: number;
  hidden_size?: number;
  num_attention_heads?: number;
  num_key_value_heads?: number;
  head_dim?: number;
  intermediate_size?: number;
  vocab_size?: number;
  tie_word_embeddings?: boolean;
  max_position_embeddings?: number;
}

/** A base model in a local folder, or what is wrong with it in words. */
export function readBaseFolder(folder: string): BaseFolder | string {
  const configFile = path.join(folder, "config.json");
  if (!fs.existsSync(configFile)) return `${folder} has no config.json: not a model in Hugging Face layout`;
  const files = fs.readdirSync(folder).sort();
  if (!files.some((file) => file.endsWith(".safetensors")))
    return `${folder} has no *.safetensors: other weight formats can carry code and are refused`;
  const config = JSON.parse(fs.readFileSync(configFile, "utf8")) as HuggingFaceConfig;
  const {
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    vocab_size: vocabulary,
  } = config;
  if (
    layers === undefined ||
    hidden === undefined ||
    heads === undefined ||
    intermediate === undefined ||
    vocabulary === undefined
  )
    return `${configFile} does not name layers, hidden size, heads, intermediate size and vocabulary of a decoder`;
  return {
    path: folder,
    digest: digestOfFiles(folder, files),
    context: config.max_position_embeddings ?? 2048,
    architecture: {
      layers,
      hidden,
      heads,
      keyValueHeads: config.num_key_value_heads ?? heads,
      headDim: config.head_dim ?? hidden / heads,
      intermediate,
      vocabulary,
      tiedHead: config.tie_word_embeddings ?? false,
    },
  };
}

/** Over names and contents of the files that make the model what it is. */
function digestOfFiles(folder: string, files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files.filter((name) => /\.(json|safetensors|jinja|model|txt)$/.test(name))) {
    hash.update(file).update(
      createHash("sha256")
        .update(fs.readFileSync(path.join(folder, file)))
        .digest(),
    );
  }
  return hash.digest("hex");
}
