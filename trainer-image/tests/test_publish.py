"""Verdict, registry and documents around adapters that were never trained: fast, and all paths."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from tuneform_trainer.base import load_model
from tuneform_trainer.config import Run
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.evaluate import evaluate
from tuneform_trainer.prepare import prepare
from tuneform_trainer.publish import publish
from tuneform_trainer.publishing.contract import adapter_problems
from tuneform_trainer.publishing.export import export_adapter, export_entry, export_run
from tuneform_trainer.train import train
from tuneform_trainer.workspace import Workspace, read_json, write_json

torch.set_num_threads(1)

LENIENT = {"minImprovement": -1, "maxRegression": 1, "minScore": None}
STRICT = {"minImprovement": 1, "maxRegression": 0, "minScore": None}


def save_adapter(run: Run, workspace: Workspace, seed: int = 1) -> Path:
    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    folder = workspace.adapter(run)
    get_peft_model(load_model(run.base, "float32"), config).save_pretrained(folder)
    return folder


def evaluated(run: Run, workspace: Workspace, seed: int = 1) -> dict[str, Any]:
    """As far as the verdict, with an adapter of random matrices."""
    prepare(run, workspace)
    save_adapter(run, workspace, seed)
    write_json(workspace.run(run.run_id) / "run.json", run.model_dump(mode="json", by_alias=True))
    evaluate(run, workspace)
    return verdict_of(run, workspace)


def verdict_of(run: Run, workspace: Workspace) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads((workspace.run(run.run_id) / "verdict.json").read_text())
    return verdict


def other(run: Run, **changes: Any) -> Run:
    return run.model_copy(update={"run_id": "ba9876543210", **changes})


def promoted(run: Run, workspace: Workspace, seed: int = 1) -> None:
    evaluated(run, workspace, seed)
    publish(run, workspace)


def test_going_back_to_a_promoted_run_keeps_its_verdict(make_run: MakeRun, workspace: Workspace) -> None:
    first = make_run(gate=LENIENT)
    promoted(first, workspace)
    entry = workspace.registry(first.name) / "versions" / f"{first.run_id}.json"
    before = entry.read_bytes()
    promoted(other(first), workspace, seed=2)
    strict = make_run(gate=STRICT)  # what would reject it today: it was promoted, so that is no matter
    evaluate(strict, workspace)
    verdict = verdict_of(strict, workspace)
    assert verdict["decision"] == "promoted"
    assert "rollback" in verdict["reason"]
    publish(strict, workspace)
    assert read_json(workspace.registry(first.name) / "current.json")["runId"] == first.run_id
    assert entry.read_bytes() == before


def test_a_stricter_gate_judges_what_serves_but_leaves_it_serving(
    make_run: MakeRun, workspace: Workspace
) -> None:
    promoted(make_run(gate=LENIENT), workspace)
    strict = make_run(gate=STRICT)
    evaluate(strict, workspace)
    with pytest.raises(StageError) as caught:
        publish(strict, workspace)
    assert caught.value.code == ExitCode.REJECTED
    assert read_json(workspace.registry(strict.name) / "current.json")["runId"] == strict.run_id


def test_a_new_incumbent_is_a_new_question(make_run: MakeRun, workspace: Workspace) -> None:
    waiting = make_run(gate=LENIENT)
    assert evaluated(waiting, workspace)["incumbent"] is None
    newer = other(waiting)
    promoted(newer, workspace, seed=2)
    evaluate(waiting, workspace)
    assert verdict_of(waiting, workspace)["incumbent"] == newer.run_id


def test_an_incumbent_on_another_base_is_scored_on_its_own(make_run: MakeRun, workspace: Workspace) -> None:
    serving = make_run(gate=LENIENT, family="qwen2")
    promoted(serving, workspace)
    alone = verdict_of(serving, workspace)["score"]["tuned"]
    verdict = evaluated(other(make_run(gate=LENIENT)), workspace)
    assert verdict["incumbent"] == serving.run_id
    assert verdict["score"]["incumbent"] == alone


def test_only_the_adapter_that_was_evaluated_is_published(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run(gate=LENIENT)
    evaluated(run, workspace)
    save_adapter(run, workspace, seed=3)
    with pytest.raises(StageError, match="not those that were evaluated"):
        publish(run, workspace)
    evaluate(run, workspace)
    publish(run, workspace)
    contract = read_json(workspace.run(run.run_id) / "contract.json")
    assert contract["adapter"]["sha256"] == verdict_of(run, workspace)["adapterSha256"]


def test_a_kill_between_any_two_files_is_repaired(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run(gate=LENIENT)
    promoted(run, workspace)
    folder, registry = workspace.run(run.run_id), workspace.registry(run.name)
    for lost in (folder / "verdict.json", folder / "report.html", registry / "current.json"):
        before = lost.read_bytes()
        lost.unlink()
        evaluate(run, workspace)
        publish(run, workspace)
        assert lost.read_bytes() == before, lost


def test_a_promoted_adapter_is_copied_whole_and_an_export_that_was_broken_off_is_finished(
    make_run: MakeRun, workspace: Workspace, tmp_path: Path
) -> None:
    run = make_run()
    for stage in (prepare, train, evaluate, publish):
        stage(run, workspace)
    target = export_adapter(run, workspace, tmp_path / "bucket")
    assert target == tmp_path / "bucket" / run.name / run.run_id
    adapter = workspace.adapter(run)
    assert {f.name: f.read_bytes() for f in (target / "adapter").iterdir()} == {
        f.name: f.read_bytes() for f in adapter.iterdir()
    }
    assert (target / "contract.json").is_file() and (target / "model-card.md").is_file()
    before = (target / "published.json").stat().st_mtime_ns
    assert export_adapter(run, workspace, tmp_path / "bucket") == target
    assert (target / "published.json").stat().st_mtime_ns == before  # nothing is written twice
    (target / "published.json").unlink()
    (target / "adapter" / "adapter_model.safetensors").write_bytes(b"half")
    export_adapter(run, workspace, tmp_path / "bucket")
    weights = "adapter_model.safetensors"
    assert (target / "adapter" / weights).read_bytes() == (adapter / weights).read_bytes()


def test_the_registry_entry_of_a_run_is_copied_once_and_stays(
    make_run: MakeRun, workspace: Workspace, tmp_path: Path
) -> None:
    run = make_run(gate=LENIENT)
    promoted(run, workspace)
    entry = workspace.registry(run.name) / "versions" / f"{run.run_id}.json"
    target = export_entry(run, workspace, tmp_path / "registry")
    assert target == tmp_path / "registry" / run.name / f"{run.run_id}.json"
    assert target.read_bytes() == entry.read_bytes()
    read = read_json(target)
    assert read["verdict"]["decision"] == "promoted"
    assert read["contract"]["modelId"] == read["modelId"] == run.model_id
    entry.write_text(entry.read_text().replace(read["publishedAt"], "2030-01-01T00:00:00Z"))
    export_entry(run, workspace, tmp_path / "registry")
    assert read_json(target) == read  # of the same adapter: the first one stays
    target.write_text("{")  # broken off
    export_entry(run, workspace, tmp_path / "registry")
    assert target.read_bytes() == entry.read_bytes()


def test_what_is_published_is_never_replaced_by_another_adapter_of_the_run(
    make_run: MakeRun, workspace: Workspace, tmp_path: Path
) -> None:
    run = make_run(gate=LENIENT)
    promoted(run, workspace)
    places = tmp_path / "adapters", tmp_path / "registry"
    export_run(run, workspace, *places)
    before = {file: file.read_bytes() for file in tmp_path.glob("[ar]*/**/*") if file.is_file()}
    save_adapter(run, workspace, seed=3)  # as after a lost workspace: the same run, trained again
    evaluate(run, workspace)
    publish(run, workspace)
    for export, place in ((export_adapter, places[0]), (export_entry, places[1])):
        with pytest.raises(StageError, match="never replaced") as caught:
            export(run, workspace, place)
        assert caught.value.code == ExitCode.USAGE
        assert str(place / run.name / run.run_id) in caught.value.message
    assert {file: file.read_bytes() for file in before} == before


def test_evaluation_json_says_what_it_was_measured_with(make_run: MakeRun, workspace: Workspace) -> None:
    run = make_run(gate=LENIENT)
    evaluated(run, workspace)
    found = read_json(workspace.run(run.run_id) / "evaluation.json")
    assert found["dataDigest"] == run.data.digest
    assert {"torch", "peft", "transformers"} <= set(found["versions"])
    assert len(found["rows"]) == found["testRows"]
    assert {"id", "reference", "base", "tuned", "score"} <= set(found["rows"][0])
    mean = sum(row["score"]["tuned"] for row in found["rows"]) / found["testRows"]
    assert mean == pytest.approx(found["scores"]["tuned"]["accuracy"])
    assert 0 <= found["improvement"]["pValue"] <= 1


class Links(HTMLParser):
    """Collects what a page would fetch, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [str(v) for k, v in attrs if k in ("src", "href", "srcset", "data")]
        if tag in ("script", "link", "iframe"):
            self.fetched.append(tag)


@pytest.mark.parametrize("gate", [LENIENT, STRICT])
def test_the_report_fetches_nothing_and_escapes_what_it_quotes(
    gate: dict[str, Any], make_run: MakeRun, workspace: Workspace
) -> None:
    run = make_run(gate=gate, name="triage")
    run = run.model_copy(
        update={"base": run.base.model_copy(update={"id": "<script>alert(1)</script>", "licence": "MIT"})}
    )
    verdict = evaluated(run, workspace)
    page = (workspace.run(run.run_id) / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert links.fetched == []
    assert "url(" not in page and "@import" not in page
    assert "&lt;script&gt;" in page
    assert f"{verdict['score']['tuned']:.3f}" in page
    assert verdict["decision"] in page


def test_files_that_vllm_cannot_take_are_named(
    make_run: MakeRun, workspace: Workspace, tmp_path: Path
) -> None:
    good = save_adapter(make_run(), workspace)
    assert adapter_problems(good) == []

    def problems_with(change: Any) -> str:
        shutil.rmtree(tmp_path / "bad", ignore_errors=True)
        shutil.copytree(good, tmp_path / "bad")
        change(tmp_path / "bad")
        return "\n".join(adapter_problems(tmp_path / "bad"))

    def lower_rank(folder: Path) -> None:
        tensors = load_file(folder / "adapter_model.safetensors")
        name = next(name for name in tensors if ".lora_A." in name)
        save_file({**tensors, name: tensors[name][:2].clone()}, folder / "adapter_model.safetensors")

    def head(folder: Path) -> None:
        tensors = load_file(folder / "adapter_model.safetensors")
        save_file(
            {**tensors, "base_model.lm_head.lora_A.weight": torch.zeros(4, 32)},
            folder / "adapter_model.safetensors",
        )

    assert "is not of rank 4" in problems_with(lower_rank)
    assert "lm_head" in problems_with(head)
    assert "absent" in problems_with(lambda f: (f / "adapter_model.safetensors").unlink())
    assert "damaged" in problems_with(lambda f: (f / "adapter_model.safetensors").write_bytes(b"\0" * 64))
    assert "adapter_config.json" in problems_with(lambda f: (f / "adapter_config.json").unlink())
