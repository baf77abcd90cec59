"""Every format that people's data comes in, mapped to the one row schema of the trainer.

Adding a format is an entry in READERS and a value of `Format` in config.py.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from tuneform_trainer.chat import Message
from tuneform_trainer.config import Data, DataSource
from tuneform_trainer.errors import ExitCode, StageError


class Row(TypedDict):
    """One example. `where` says for messages where it came from."""

    id: str
    group: str
    prompt: list[Message]
    completion: list[Message]
    label: NotRequired[str]
    where: NotRequired[str]


class RowError(ValueError):
    """A row that cannot be mapped; the message says why."""


Raw = dict[str, Any]
Conversation = tuple[list[Message], list[Message]]

SHAREGPT_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


def field(raw: Raw, path: str | None) -> Any:
    """A field of a row; dots reach into objects. None where it is absent."""
    if path is None:
        return None
    if path in raw:
        return raw[path]
    value: Any = raw
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str:
    """A field as text: strings as they are, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _turn(question: str, context: str, answer: str, system: str) -> Conversation:
    content = f"{question}\n\n{context}" if context else question
    prompt = [{"role": "system", "content": system}] if system else []
    return (
        [*prompt, {"role": "user", "content": content}],
        [{"role": "assistant", "content": answer}],
    )


def _fields(raw: Raw, data: Data) -> Conversation:
    question, context, answer, system = (
        text(field(raw, path))
        for path in (
            data.fields.question,
            data.fields.context,
            data.fields.answer,
            data.fields.system,
        )
    )
    return _turn(question, context, answer, system)


def _alpaca(raw: Raw, _data: Data) -> Conversation:
    return _turn(
        text(raw.get("instruction")),
        text(raw.get("input")),
        text(raw.get("output")),
        text(raw.get("system")),
    )


def _chat(raw: Raw, _data: Data) -> Conversation:
    return _split_turns([(text(m.get("role")), text(m.get("content"))) for m in _list(raw, "messages")])


def _sharegpt(raw: Raw, _data: Data) -> Conversation:
    turns = [
        (SHAREGPT_ROLES.get(text(m.get("from")), text(m.get("from"))), text(m.get("value")))
        for m in _list(raw, "conversations")
    ]
    return _split_turns(turns)


def _prompt_completion(raw: Raw, _data: Data) -> Conversation:
    prompt, completion = raw.get("prompt"), raw.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return _split_turns([(text(m.get("role")), text(m.get("content"))) for m in prompt + completion])
    return _turn(text(prompt), "", text(completion), "")


def _list(raw: Raw, name: str) -> list[dict[str, Any]]:
    turns = raw.get(name)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise RowError(f"`{name}` is not a list of messages")
    return turns


def _split_turns(turns: list[tuple[str, str]]) -> Conversation:
    """The last message is what is learnt; roles must be system?, then user and assistant in turn."""
    messages = [{"role": role, "content": content} for role, content in turns]
    roles = [role for role, _ in turns]
    body = roles[1:] if roles[:1] == ["system"] else roles
    expected = [("user", "assistant")[i % 2] for i in range(len(body))]
    if not body or body != expected or len(body) % 2:
        raise RowError(
            f"roles are {', '.join(roles) or 'none'}; expected an optional system message, "
            "then user and assistant in turn, assistant last"
        )
    return messages[:-1], messages[-1:]


READERS: dict[str, Callable[[Raw, Data], Conversation]] = {
    "fields": _fields,
    "csv": _fields,
    "alpaca": _alpaca,
    "chat": _chat,
    "sharegpt": _sharegpt,
    "prompt-completion": _prompt_completion,
}


def read_source(source: DataSource, data: Data) -> tuple[list[Row], list[str]]:
    """Rows of one file and the problems of those that could not be mapped.

    Raises StageError(DATA) when the file is not the one that was planned with.
    """
    path = Path(source.path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StageError(ExitCode.DATA, f"{path}: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != source.sha256:
        message = f"{path.name} changed since the plan was made; run `up` again to plan with it"
        raise StageError(ExitCode.DATA, message)
    rows: list[Row] = []
    problems: list[str] = []
    for number, raw in _records(content.decode("utf-8-sig"), data.format, path.name):
        where = f"{path.name}:{number}"
        try:
            rows.append(to_row(raw, data, where))
        except RowError as problem:
            problems.append(f"{where}: {problem}")
    return rows, problems


def to_row(raw: Raw, data: Data, where: str) -> Row:
    """One raw row in the row schema. Raises RowError."""
    prompt, completion = READERS[data.format](raw, data)
    if data.system_prompt and prompt[:1] and prompt[0]["role"] != "system":
        prompt = [{"role": "system", "content": data.system_prompt}, *prompt]
    answer = completion[-1]["content"]
    row: Row = {
        "id": text(field(raw, data.fields.id)) or content_id(prompt, completion),
        "group": text(field(raw, data.fields.group)) or prompt_key(prompt),
        "prompt": prompt,
        "completion": completion,
        "where": where,
    }
    if data.labels is not None:
        label = answer.strip()
        if label not in data.labels:
            raise RowError(f"label {label!r} is not one of {', '.join(data.labels)}")
        row["label"] = label
        row["completion"] = [{"role": "assistant", "content": label}]
    return row


def prompt_key(prompt: list[Message]) -> str:
    """The user's words, folded: equal for prompts that differ only in case or white space."""
    words = " ".join(m["content"] for m in prompt if m["role"] != "system")
    return " ".join(words.casefold().split())


def content_id(prompt: list[Message], completion: list[Message]) -> str:
    """A name for a row without one: the same content has the same name."""
    digest = hashlib.sha256(json.dumps([prompt, completion], sort_keys=True).encode())
    return f"row-{digest.hexdigest()[:12]}"


def _records(content: str, kind: str, name: str) -> list[tuple[int, Raw]]:
    """Line (or position) and fields of every record."""
    if kind == "csv":
        reader = csv.DictReader(io.StringIO(content))
        return [(reader.line_num, dict(record)) for record in reader]
    try:
        if content.lstrip().startswith("["):
            return list(enumerate(json.loads(content), start=1))
        return [(n, json.loads(line)) for n, line in _lines(content) if line.strip()]
    except json.JSONDecodeError as error:
        raise StageError(ExitCode.DATA, f"{name}: not JSON: {error}") from error


def _lines(content: str) -> list[tuple[int, str]]:
    # Not splitlines(): it also splits at characters that JSON strings may hold, such as U+2028.
    return list(enumerate(content.split("\n"), start=1))
