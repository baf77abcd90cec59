"""What model families do differently, on a tiny model of each family's architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRun
from tiny import CONFIGS

from tuneform_trainer.base import load_tokenizer
from tuneform_trainer.chat import encode_prompt, encode_row, fold_system, stop_token_ids

PROMPT = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
ANSWER = [{"role": "assistant", "content": "yes"}]


@pytest.mark.parametrize("family", CONFIGS)
def test_a_row_is_prompt_plus_completion_ending_with_a_stop_token(make_run: MakeRun, family: str) -> None:
    tokenizer = load_tokenizer(make_run(family=family).base)
    prompt, completion = encode_row(tokenizer, PROMPT, ANSWER)
    assert prompt == encode_prompt(tokenizer, PROMPT)
    assert completion[-1] in stop_token_ids(tokenizer)
    assert tokenizer.decode(completion[:-1]).strip() == "yes"
    assert "be brief" in tokenizer.decode(prompt)


@pytest.mark.parametrize("family", CONFIGS)
def test_padding_is_no_token_that_ends_a_turn(make_run: MakeRun, family: str) -> None:
    tokenizer = load_tokenizer(make_run(family=family).base)
    assert tokenizer.pad_token_id not in stop_token_ids(tokenizer)
    assert tokenizer.pad_token_id < len(tokenizer)


def test_no_beginning_of_text_is_doubled(make_run: MakeRun) -> None:
    tokenizer = load_tokenizer(make_run(family="gemma2").base)
    assert encode_prompt(tokenizer, PROMPT).count(tokenizer.bos_token_id) == 1


def test_a_system_message_is_folded_where_the_template_refuses_it() -> None:
    assert fold_system(PROMPT) == [{"role": "user", "content": "be brief\n\nhello"}]
    assert fold_system(PROMPT[1:]) == PROMPT[1:]


def test_a_template_that_rewrites_the_prompt_is_refused(
    make_run: MakeRun, tiny_models: Callable[[str], Path]
) -> None:
    tokenizer = load_tokenizer(make_run().base)
    tokenizer.chat_template = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(ValueError, match="not a prefix"):
        encode_row(tokenizer, PROMPT, ANSWER)
