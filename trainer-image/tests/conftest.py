"""Tiny runs on tiny models: everything real, in seconds."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from tiny import make_tiny

from tuneform_trainer.config import Run
from tuneform_trainer.workspace import Workspace

WORDS = ("stone", "river", "cloud", "maple", "ember")


def rows(count: int, shuffled: bool = False) -> list[dict[str, str]]:
    """The label follows from one word of the text; `shuffled` breaks that link for half of the rows."""
    made = []
    for i in range(count):
        yes = i % 2 == 0
        flip = shuffled and int(hashlib.sha256(str(i).encode()).hexdigest(), 16) % 2 == 0
        text = f"{'aaaa' if yes else 'zzzz'} {WORDS[i % 5]} {i}"
        made.append({"id": f"row-{i}", "text": text, "label": "yes" if yes != flip else "no"})
    return made


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("models")

    def model(family: str) -> Path:
        path = folder / family
        return path if path.exists() else make_tiny(path, family)

    return model


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path, tiny_models: Callable[[str], Path]) -> MakeRun:
    """A complete run.json over the given rows; keyword arguments replace fields of its sections."""

    def build(data_rows: list[dict[str, Any]] | None = None, family: str = "llama", **sections: Any) -> Run:
        content = "".join(json.dumps(row) + "\n" for row in data_rows or rows(160))
        digest = hashlib.sha256(content.encode()).hexdigest()
        source = tmp_path / f"{digest[:8]}.jsonl"
        source.write_text(content)
        run = default_run(source, digest, tiny_models(family))
        for section, changes in sections.items():
            run[section] = {**run[section], **changes} if isinstance(changes, dict) else changes
        return Run.model_validate(run)

    return build


def default_run(source: Path, digest: str, model: Path) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "runId": "0123456789ab",
        "name": "triage",
        "task": "classification",
        "base": {
            "id": "tiny",
            "hubId": None,
            "revision": None,
            "licence": None,
            "weights": {"kind": "folder", "path": str(model), "digest": "tiny"},
        },
        "data": {
            "digest": digest[:16],
            "sources": [{"path": str(source), "sha256": digest, "split": "all"}],
            "format": "fields",
            "fields": {"question": "text", "answer": "label", "id": "id"},
            "systemPrompt": "yes or no?",
            "labels": ["yes", "no"],
            "split": {"validation": 0.1, "test": 0.3, "seed": "tuneform"},
            "maxRows": None,
            "thresholds": {
                "minTrainRows": 20,
                "minTestRows": 10,
                "maxNearDuplicateShare": 0.1,
                "maxLabelConflictShare": 0.02,
                "maxLabelImbalance": 10,
                "maxTruncatedShare": 0.05,
                "maxRefusalShare": 0.01,
                "personalData": "warn",
                "secrets": "warn",
            },
        },
        "train": {
            "method": "lora",
            "rank": 8,
            "alpha": 16,
            "dropout": 0,
            "targets": "all-linear",
            "rslora": False,
            "lastLayers": None,
            "epochs": 3,
            "learningRate": 0.02,
            "scheduler": "cosine",
            "warmup": 0.05,
            "weightDecay": 0.01,
            "maxGradNorm": 1.0,
            "microBatch": 8,
            "gradientAccumulation": 1,
            "maxLength": 128,
            "gradientCheckpointing": False,
            "computeDtype": "float32",
            "adapterDtype": "float32",
            "seed": 42,
            "checkpointEverySteps": 5,
            "earlyStopPatience": None,
            "reportTo": "none",
        },
        "evaluate": {
            "metric": "accuracy",
            "batchRows": 16,
            "maxNewTokens": 8,
            "maxRows": None,
            "bootstrapSamples": 2000,
            "confidence": 0.95,
            "seed": 42,
            "dtype": "float32",
            "jsonSchema": None,
        },
        "gate": {"minImprovement": 0.1, "maxRegression": 0.02, "minScore": None},
        "serve": {"dtype": "float32", "maxLength": 256, "weights": "adapter"},
    }


@pytest.fixture
def run_file(tmp_path: Path) -> Callable[[Run], Path]:
    def write(run: Run) -> Path:
        path = tmp_path / "run.json"
        path.write_text(run.model_dump_json(by_alias=True))
        return path

    return write
