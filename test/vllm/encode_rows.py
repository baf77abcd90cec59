"""The test rows of a run as the trainer's evaluation scores them: `encode_rows.py RUN.json WORKSPACE`.

Writes `[{"id", "messages", "reference", "prompt": [token], "completions": [[token], ...]}, ...]`, the
completions in the order of the labels, each with its end of turn.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tuneform_trainer.base import load_tokenizer
from tuneform_trainer.chat import encode_prompt, encode_row
from tuneform_trainer.config import load_run
from tuneform_trainer.prepare import load_splits
from tuneform_trainer.workspace import Workspace

run = load_run(Path(sys.argv[1]))
tokenizer = load_tokenizer(run.base)
encoded = []
for row in load_splits(Workspace(Path(sys.argv[2])).dataset(run.data.digest))["test"]:
    answers = [[{"role": "assistant", "content": label}] for label in run.data.labels or []]
    encoded.append(
        {
            "id": row["id"],
            "messages": row["prompt"],
            "reference": row["label"],
            "prompt": encode_prompt(tokenizer, row["prompt"]),
            "completions": [encode_row(tokenizer, row["prompt"], answer)[1] for answer in answers],
        }
    )
json.dump(encoded, sys.stdout)
