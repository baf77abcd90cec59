"""Python and TypeScript say the same: run.json's schema and the exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import MakeRun
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode

ROOT = Path(__file__).parents[2]


@pytest.fixture
def schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "schema" / "run.schema.json").read_text()))


def test_a_run_of_ours_satisfies_the_schema_of_theirs(
    make_run: MakeRun, schema: Draft202012Validator
) -> None:
    schema.validate(json.loads(make_run().model_dump_json(by_alias=True)))


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("train", "rank", 0.5),
        ("train", "method", "auto"),
        ("train", "unknown", 1),
        ("evaluate", "metric", "beauty"),
        ("data", "format", "xml"),
        ("base", "weights", {"kind": "floppy"}),
        ("gate", "minImprovement", None),
        ("serve", "dtype", "int4"),
    ],
)
def test_both_sides_refuse_the_same(
    make_run: MakeRun, schema: Draft202012Validator, section: str, field: str, value: object
) -> None:
    run = json.loads(make_run().model_dump_json(by_alias=True))
    run[section][field] = value
    assert not schema.is_valid(run)
    with pytest.raises(ValidationError):
        Run.model_validate(run)


def test_exit_codes_are_the_same_in_python_typescript_and_documentation() -> None:
    mine = {code.name: int(code) for code in ExitCode}
    typescript = (ROOT / "core" / "spec" / "exit-codes.ts").read_text()
    theirs = {name: int(code) for name, code in re.findall(r"(\w+): \{ code: (\d+)", typescript)}
    # Prettier breaks long entries over lines.
    theirs |= {name: int(code) for name, code in re.findall(r"(\w+): \{\s+code: (\d+)", typescript)}
    documented = {
        name: int(code)
        for code, name in re.findall(
            r"^\| (\d+) \| (\w+) \|", (ROOT / "docs" / "exit-codes.md").read_text(), re.M
        )
    }
    assert mine == theirs == documented
