"""Tiny randomly initialised models, one of each family's architecture, for tests on any CPU.

Also a script: `python tiny.py FOLDER [FAMILY [SETTING=NUMBER ...]]` writes one in Hugging Face layout.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "mistral": ("MistralConfig", {}),
    "phi3": ("Phi3Config", {"pad_token_id": 0}),
    "gemma2": ("Gemma2Config", {"head_dim": 16}),
    "qwen2": ("Qwen2Config", {}),
    "stablelm": ("StableLmConfig", {}),
}

CHATML = (
    "{{ bos_token if bos else '' }}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Traits only: refuses a system message and demands that roles alternate, as Gemma's template does.
NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<|im_start|>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|endoftext|>"]


def make_tokenizer(family: str) -> Any:
    """A byte-level tokenizer: any text round-trips, 300 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *alphabet])}
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token="<s>",
        eos_token="<|im_end|>",
        unk_token="<unk>",
        additional_special_tokens=["<|im_start|>", "<|endoftext|>"],
    )
    tokenizer.chat_template = NO_SYSTEM if family == "gemma2" else CHATML
    return tokenizer


def make_tiny(folder: Path, family: str = "llama", seed: int = 0, **changes: int) -> Path:
    """Write a tiny model (about 60,000 parameters) of `family` into `folder`.

    `changes` replace numbers of its config: some servers have no kernel for heads this small.
    """
    import torch
    import transformers

    tokenizer = make_tokenizer(family)
    name, extra = CONFIGS[family]
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,  # the usual 0.02 would make logits too flat to learn from in seconds
        "bos_token_id": 1,
        "eos_token_id": 5,
        **extra,
        **changes,
    }
    torch.manual_seed(seed)
    config = getattr(transformers, name)(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    numbers = {name: int(number) for name, _, number in (each.partition("=") for each in sys.argv[3:])}
    make_tiny(Path(sys.argv[1]), *sys.argv[2:3], **numbers)
    print(sys.argv[1])
