/** A publication, and what of its settings holds for all of its cases here. */
export interface Source {
  title: string;
  /** Repository and path, or page; the version read. */
  where: string;
  version: string;
  settings: string;
}

export const SOURCES = {
  fms: {
    title: "IBM fms-acceleration",
    where:
      "foundation-model-stack/fms-acceleration scripts/benchmarks/refs/{a100_80gb,a100_80gb_liger,a100_80gb_granite}.csv",
    version: "876e2ed, January 2026",
    settings:
      "rows of 4,096 tokens, rank 16 on attention, dropout 0.1, checkpointing, FlashAttention 2, AdamW; transformers 4.45 to 4.48, bitsandbytes 0.43.3",
  },
  peft: {
    title: "PEFT method comparison, MetaMathQA",
    where: "huggingface/peft method_comparison/MetaMathQA/results/lora--llama-3.2-3B-*.json",
    version: "5d602fd, August 2026",
    settings:
      "bf16 weights, fp32 adapter, no autocast, 4 rows of at most 768 tokens, no checkpointing, no dropout, AdamW, SDPA; cache emptied every 10 steps",
  },
  torchtune: {
    title: "torchtune README and the configurations it names",
    where: "pytorch/torchtune README.md, recipes/configs",
    version: "bd2a0fc, figures of November 2024",
    settings:
      "bf16 with a bf16 adapter, packed rows, compiled, chunked output loss, checkpointing, AdamW; q, v, output and feed-forward adapted, which counts as all linear",
  },
  "litgpt-tables": {
    title: "litgpt resource tables",
    where: "Lightning-AI/litgpt tutorials/resource-tables.md",
    version: "2685705, figures of October 2023",
    settings:
      "bf16-true, rank 8 on q and v, dropout 0.05, no checkpointing, longest Alpaca row 1,304 tokens, head in chunks of 128, bitsandbytes 0.41.1",
  },
  "litgpt-hub": {
    title: "litgpt configuration hub",
    where: "Lightning-AI/litgpt config_hub/finetune/README.md and its YAML files",
    version: "2685705, figures of March to September 2024",
    settings:
      "bf16-true, rank 32 on q and v, dropout 0.05, no checkpointing, rows of 512 tokens, head in chunks of 128, NF4 without double quantisation, bitsandbytes 0.42",
  },
  "llama-factory": {
    title: "LLaMA-Factory wiki, Performance comparison",
    where: "hiyouga/LLaMA-Factory wiki Performance-comparison",
    version: "April 2024",
    settings: "QLoRA rank 8 on all linear, one row, FlashAttention 2, checkpointing, memory in whole GB",
  },
  qwen: {
    title: "Qwen README, Profiling of Memory and Speed",
    where: "QwenLM/Qwen README.md and finetune.py",
    version: "2df8e8a, figures of 2023",
    settings:
      "LoRA rank 64 on all linear, dropout 0.05, one row, 8 accumulated, checkpointing, FlashAttention 2, bf16 autocast, AdamW; the figure's kind is not stated",
  },
  unsloth: {
    title: "Unsloth README, maximal context of Hugging Face with FlashAttention 2",
    where: "unslothai/unsloth README.md",
    version: "6097db7, February 2025",
    settings:
      "QLoRA rank 32 on all linear, one row padded to the length, checkpointing, embeddings and norms prepared in fp32; the length is the longest that a GPU of that memory holds",
  },
  axolotl: {
    title: "Axolotl examples",
    where: "axolotl-ai-cloud/axolotl examples/*/README.md and the YAML files they name",
    version: "067b021, figures of June to December 2025",
    settings:
      "QLoRA rank 32 on all linear, packed 2 rows of 2,048 tokens, checkpointing, FlashAttention 2, cut cross-entropy (counted as Liger's)",
  },
} as const satisfies Record<string, Source>;

export type SourceId = keyof typeof SOURCES;
