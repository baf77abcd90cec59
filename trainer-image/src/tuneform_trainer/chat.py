"""Rows as tokens: one place for what model families do differently in their chat templates.

A row is `{"id", "group", "prompt": [message, ...], "completion": [message], "label"?}`; a message
is `{"role": "system"|"user"|"assistant", "content": str}`. Training, evaluation and applications
all build their prompts through the template of the base, so that they see the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuneform_trainer.errors import ExitCode, StageError

Message = dict[str, str]


@dataclass(frozen=True)
class Family:
    """What differs between model families, by `model_type` of config.json."""

    attention_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    feed_forward_modules: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")
    system_role: bool = True  # False: the template refuses it, so it is folded into the user turn
    pad_tokens: tuple[str, ...] = ()  # in order of preference; already in the vocabulary
    vllm_lora: bool = True  # False: vLLM has no LoRA for it, serve merged weights
    liger: bool = True  # Liger kernels patch it
    attention: str = "sdpa"  # "eager" where SDPA would drop a soft cap


FAMILIES: dict[str, Family] = {
    "llama": Family(pad_tokens=("<|finetune_right_pad_id|>", "<|endoftext|>", "<pad>")),
    "mistral": Family(pad_tokens=("[PAD]", "[control_8]", "<pad>")),
    "phi3": Family(
        attention_modules=("qkv_proj", "o_proj"),
        feed_forward_modules=("gate_up_proj", "down_proj"),
        pad_tokens=("<|placeholder6|>", "<|endoftext|>"),
    ),
    "gemma2": Family(system_role=False, pad_tokens=("<pad>",), attention="eager"),
    "qwen2": Family(pad_tokens=("<|endoftext|>",)),
    "stablelm": Family(pad_tokens=("<|endoftext|>",), vllm_lora=False, liger=False),
}


def family(model_type: str) -> Family:
    """The traits of a family; an unknown one gets those of Llama, the most common layout."""
    return FAMILIES.get(model_type, Family())


def choose_pad_token(tokenizer: Any) -> Any:
    """Give the tokenizer a pad token from its own vocabulary, distinct from the end of a turn.

    Padding with the end-of-turn token would teach a collator that masks padding never to stop.
    New tokens are never added: they would need trained embeddings, which vLLM refuses.
    """
    vocabulary = tokenizer.get_vocab()
    wanted = [token for traits in FAMILIES.values() for token in traits.pad_tokens]
    if tokenizer.pad_token is None or tokenizer.pad_token == tokenizer.eos_token:
        usable = [t for t in wanted if t in vocabulary and t != tokenizer.eos_token]
        tokenizer.pad_token = (usable or [tokenizer.unk_token or tokenizer.eos_token])[0]
    return tokenizer


def fold_system(messages: list[Message]) -> list[Message]:
    """Put a leading system message in front of the first user turn, for templates without one."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, rest = messages[0]["content"], messages[1:]
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    first = {"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}
    return [first, *rest[1:]]


def _render(tokenizer: Any, messages: list[Message], *, generation: bool) -> list[int]:
    """Tokens through the template itself: a second tokenisation would double the BOS token."""
    if tokenizer.chat_template is None:
        raise StageError(ExitCode.BASE_MODEL, "the base model has no chat template")
    try:
        encoded = tokenizer.apply_chat_template(
            messages, tokenize=True, add_generation_prompt=generation, return_dict=True
        )
    except Exception as error:
        if messages and messages[0]["role"] == "system" and "ystem" in str(error):
            return _render(tokenizer, fold_system(messages), generation=generation)
        raise
    return list(encoded["input_ids"])


def encode_prompt(tokenizer: Any, messages: list[Message]) -> list[int]:
    """Token ids of a prompt, ready for the assistant's answer."""
    return _render(tokenizer, messages, generation=True)


def encode_row(
    tokenizer: Any, prompt: list[Message], completion: list[Message]
) -> tuple[list[int], list[int]]:
    """Token ids of prompt and completion; the completion ends with the end-of-turn token.

    Raises ValueError when the template does not continue the prompt with the completion (then
    neither the loss mask nor a label's probability would mean anything).
    """
    before = encode_prompt(tokenizer, prompt)
    whole = _render(tokenizer, [*prompt, *completion], generation=False)
    if whole[: len(before)] != before:
        raise ValueError("the rendered prompt is not a prefix of prompt and completion")
    after = whole[len(before) :]
    special = set(tokenizer.all_special_ids)
    ends = [index for index, token in enumerate(after) if token in special]
    return before, after[: ends[-1] + 1] if ends else [*after, tokenizer.eos_token_id]


def stop_token_ids(tokenizer: Any) -> list[int]:
    """Every token that ends an answer: the tokenizer's EOS and the template's end of turn."""
    _, completion = encode_row(
        tokenizer,
        [{"role": "user", "content": "a"}],
        [{"role": "assistant", "content": "b"}],
    )
    return sorted({tokenizer.eos_token_id, completion[-1]} - {None})
