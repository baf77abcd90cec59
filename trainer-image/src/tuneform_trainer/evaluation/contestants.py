"""Who is compared: the base, the tuned model, and what serves today. Scores are kept and found again."""

from __future__ import annotations

import gc
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuneform_trainer import progress
from tuneform_trainer.config import Base, Run
from tuneform_trainer.data.formats import Row
from tuneform_trainer.errors import ExitCode, StageError, memory_errors
from tuneform_trainer.evaluation.metrics import Scored
from tuneform_trainer.evaluation.partial import PartialScores
from tuneform_trainer.merged import merge
from tuneform_trainer.workspace import Workspace, adapter_sha256, read_json, write_json

SCORED = "scoring the test rows; lower serve.maxLength or free some memory"
SCORING = 2  # raised when scoring.py counts differently: kept scores are then not reused


@dataclass(frozen=True)
class Contestant:
    """One model of the comparison: "base", "tuned" or "incumbent".

    Merged weights are a base of their own, and have no adapter.
    """

    who: str
    base: Base
    adapter: Path | None
    adapter_sha256: str | None


@dataclass(frozen=True)
class Scores:
    """What is kept of one contestant."""

    rows: list[Scored]
    shortened: int  # prompts that had to be cut


def contestants(run: Run, workspace: Workspace, incumbent: str | None) -> list[Contestant]:
    """Base and tuned, and the incumbent on its own base, which may be another one; each as it is served.

    Raises StageError(USAGE) when the run has no adapter yet.
    """
    if adapter_sha256(workspace.adapter(run)) is None:
        raise StageError(ExitCode.USAGE, f"run {run.run_id} has no adapter yet: train it first")
    found = [
        Contestant("base", run.base, None, None),
        _as_served("tuned", run.base, run, run.run_id, workspace),
    ]
    if incumbent is not None:
        folder = workspace.run(incumbent)
        declared = read_json(folder / "run.json")  # only its base: the rest may be of an older schema
        base = Base.model_validate(declared["base"]) if declared else run.base
        base = run.base if _identity(base) == _identity(run.base) else base
        found.append(_as_served("incumbent", base, run, incumbent, workspace))
    return found


def _as_served(who: str, base: Base, run: Run, run_id: str, workspace: Workspace) -> Contestant:
    adapter = workspace.run(run_id) / "adapter"
    digest = adapter_sha256(adapter)
    if run.serve.weights == "adapter":
        return Contestant(who, base, adapter, digest)
    return Contestant(who, merge(base, run.name, run_id, run.serve.dtype, workspace), None, digest)


def _identity(base: Base) -> list[Any]:
    """What makes the weights the same ones, wherever they lie."""
    return [base.id, base.revision, base.weights.model_dump(mode="json", exclude={"path"})]


def score_all(
    run: Run, workspace: Workspace, rows: list[Row], entered: list[Contestant]
) -> dict[str, Scores]:
    """Scores of everyone on the same rows, prompts and decoding; models are loaded only when needed."""
    files = {c.who: _scores_file(run, workspace, c) for c in entered}
    found = {who: _read(file) for who, file in files.items()}
    missing = [c for c in entered if found[c.who] is None]
    while missing:
        together = [c for c in missing if c.base == missing[0].base]
        missing = [c for c in missing if c not in together]
        for who, scores in _score_on_one_base(run, workspace, rows, together, files).items():
            found[who] = scores
    return {who: scores for who, scores in found.items() if scores is not None}


def _scores_file(run: Run, workspace: Workspace, contestant: Contestant) -> Path:
    """Named by all that scores depend on: the next run on this dataset finds the base's again."""
    settings = run.evaluate.model_dump(
        mode="json", exclude={"metric", "bootstrap_samples", "confidence", "seed", "json_schema"}
    )
    facts = [
        SCORING,
        _identity(contestant.base),
        contestant.adapter_sha256,
        settings,
        [run.data.digest, run.data.labels, run.serve.max_length],
    ]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    kind = "base" if contestant.who == "base" else run.serve.weights
    return workspace.dataset(run.data.digest) / "scores" / f"{kind}-{digest[:16]}.json"


def _read(file: Path) -> Scores | None:
    content: dict[str, Any] | None = read_json(file)
    if content is None:
        return None
    return Scores([Scored(**row) for row in content["rows"]], content["shortened"])


def _score_on_one_base(
    run: Run, workspace: Workspace, rows: list[Row], together: list[Contestant], files: dict[str, Path]
) -> dict[str, Scores]:
    from tuneform_trainer.base import load_tokenizer
    from tuneform_trainer.evaluation.models import active, model_with_adapters
    from tuneform_trainer.evaluation.scoring import Scorer

    base = together[0].base
    if base != run.base and together[0].adapter is not None:
        progress.log(f"the model that serves has another base, {base.id}: it is scored on that one")
    adapters = {c.who: c.adapter for c in together if c.adapter is not None}
    model = model_with_adapters(base, run.evaluate.dtype, adapters)
    tokenizer = load_tokenizer(base)
    done: dict[str, Scores] = {}
    for contestant in together:
        who, file = contestant.who, files[contestant.who]
        partial = PartialScores(workspace.run(run.run_id) / f".{file.stem}.rows.jsonl")
        scorer = Scorer(run, model, tokenizer)
        with active(model, who if contestant.adapter is not None else None), memory_errors(SCORED):
            done[who] = Scores(scorer.score(rows, who, partial), scorer.shortened)
        write_json(
            file,
            {
                "schemaVersion": 1,
                "rows": [asdict(row) for row in done[who].rows],
                "shortened": scorer.shortened,
            },
        )
        partial.remove()
    del model
    gc.collect()  # before another base is loaded
    return done
