"""The report of a run as one self-contained page, and its model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tuneform_trainer.config import Run
from tuneform_trainer.workspace import Workspace, read_json, write_atomically

TEMPLATES = Environment(
    loader=PackageLoader("tuneform_trainer", "publishing/templates"),
    autoescape=lambda name: bool(name and name.endswith(".html")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(run: Run, workspace: Workspace, verdict: dict[str, Any]) -> None:
    """report.html beside the verdict; refused runs have one too."""
    page = TEMPLATES.get_template("report.html").render(**_facts(run, workspace, verdict))
    write_atomically(workspace.run(run.run_id) / "report.html", page)


def model_card(run: Run, workspace: Workspace, verdict: dict[str, Any]) -> str:
    """The model card in Markdown, with the numbers that were measured."""
    return TEMPLATES.get_template("model-card.md").render(**_facts(run, workspace, verdict))


def _facts(run: Run, workspace: Workspace, verdict: dict[str, Any]) -> dict[str, Any]:
    folder = workspace.run(run.run_id)
    data = read_json(workspace.dataset(run.data.digest) / "report.json") or {}
    tokens = read_json(folder / "tokens.json") or {}
    return {
        "run": run,
        "verdict": verdict,
        "evaluation": read_json(folder / "evaluation.json"),
        "training": read_json(folder / "training.json") or {},
        "rows": data.get("rows", {}),
        "tokens": tokens.get("splits", {}),
        "findings": [*data.get("findings", []), *tokens.get("findings", [])],
        "curve": loss_curve(folder / "metrics.jsonl"),
        "intervals": intervals(verdict),
        "judged": json.dumps(verdict["settings"], indent=2),
        "settings": json.dumps(run.train.model_dump(mode="json", by_alias=True), indent=2),
    }


def intervals(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gate looked at, as places (0..100) on one axis: each interval, its middle, its margin."""
    gate = verdict["settings"]["gate"]
    shown = [("gain over the base", verdict["improvement"], gate["minImprovement"])]
    if verdict["regression"] is not None:
        shown.append(("against the model that serves", verdict["regression"], -gate["maxRegression"]))
    numbers = [x for _, c, margin in shown for x in (c["low"], c["delta"], c["high"], margin, 0.0)]
    least, most = min(numbers), max(numbers)
    room = max(most - least, 0.01) * 0.06
    least, most = least - room, most + room

    def place(value: float) -> float:
        return round((value - least) / (most - least) * 100, 2)

    return [
        {
            "name": name,
            "delta": c["delta"],
            "bounds": (c["low"], c["high"]),
            "limit": margin,
            "low": place(c["low"]),
            "width": round(place(c["high"]) - place(c["low"]), 2),
            "middle": place(c["delta"]),
            "margin": place(margin),
            "zero": place(0.0),
        }
        for name, c, margin in shown
    ]


def loss_curve(metrics: Path, width: int = 640, height: int = 180) -> dict[str, Any]:
    """Points of the training loss and of the validations, scaled into a box of pixels."""
    lines = metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else []
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    training = [(e["step"], e["loss"]) for e in entries if "loss" in e]
    validation = [(e["step"], e["validationLoss"]) for e in entries if "validationLoss" in e]
    most_steps = max([step for step, _ in training + validation], default=1)
    most_loss = max([loss for _, loss in training + validation], default=1.0) or 1.0

    def point(step: int, loss: float) -> tuple[float, float]:
        return round(step / most_steps * width, 1), round(height - loss / most_loss * height, 1)

    return {
        "width": width,
        "height": height,
        "line": " ".join(f"{x},{y}" for x, y in (point(*entry) for entry in training)),
        "dots": [(*point(*entry), entry[1]) for entry in validation],
        "mostLoss": most_loss,
        "steps": most_steps,
    }
