"""`run.json`: the only thing the Python side sees of a plan.

Mirrors core/spec/run-file.ts (zod), which writes it; `schema/run.schema.json` is generated from
that file and a test checks that both sides accept and refuse the same documents.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from tuneform_trainer.errors import ExitCode, StageError


class Frozen(BaseModel):
    """Immutable, camelCase in JSON, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class HubWeights(Frozen):
    """Weights from the Hugging Face hub at the pinned revision of `Base.revision`."""

    kind: Literal["hub"]


class PackageWeights(Frozen):
    """Weights in a file of a Python package, for machines without a hub; GGUF is dequantised."""

    kind: Literal["package"]
    package: str
    version: str
    file: str  # path inside the package
    sha256: str  # of that file


class FolderWeights(Frozen):
    """Weights in a local folder in Hugging Face layout (config.json, *.safetensors, tokenizer)."""

    kind: Literal["folder"]
    path: str  # absolute
    digest: str  # sha256 over names and contents of its files, see core/plan/digest.ts


Weights = Annotated[HubWeights | PackageWeights | FolderWeights, Field(discriminator="kind")]


class Base(Frozen):
    """The base model."""

    id: str  # catalog id, hub id or folder name; what /v1/models calls the base
    hub_id: str | None
    revision: str | None  # commit hash on the hub
    weights: Weights
    licence: str | None


Format = Literal["fields", "alpaca", "chat", "sharegpt", "prompt-completion", "csv"]


class DataSource(Frozen):
    path: str  # absolute
    sha256: str
    split: Literal["all", "train", "validation", "test"]  # "all": split by hash


class FieldMap(Frozen):
    """Which field of a row (dots reach into objects) plays which part."""

    question: str | None = None
    context: str | None = None
    answer: str | None = None
    system: str | None = None
    id: str | None = None
    group: str | None = None  # rows of one group never fall into different splits


class Split(Frozen):
    """Shares of the distinct groups (0..1) that a hash of the group key sends to each split."""

    validation: float
    test: float
    seed: str


class Thresholds(Frozen):
    """When a finding of the data firewall becomes a warning or an error. Shares are 0..1."""

    min_train_rows: int
    min_test_rows: int
    max_near_duplicate_share: float
    max_label_conflict_share: float
    max_label_imbalance: float  # most frequent label / least frequent label
    max_truncated_share: float
    max_refusal_share: float
    personal_data: Literal["ignore", "warn", "error"]
    secrets: Literal["ignore", "warn", "error"]


class Data(Frozen):
    digest: str  # of the sources' bytes and everything below: names datasets/<digest>/
    sources: list[DataSource]
    format: Format
    fields: FieldMap
    system_prompt: str | None
    labels: list[str] | None  # the closed label set of a classification
    split: Split
    max_rows: int | None  # None: all; else the first rows by hash order
    thresholds: Thresholds


class Train(Frozen):
    method: Literal["lora", "qlora"]  # resolved: never "auto" here
    rank: int
    alpha: int
    dropout: float
    targets: Literal["all-linear", "attention"]
    rslora: bool
    last_layers: int | None  # adapt only the last n decoder layers; None: all
    epochs: float
    learning_rate: float
    scheduler: Literal["cosine", "linear", "constant"]
    warmup: float  # share of all steps, 0..1
    weight_decay: float
    max_grad_norm: float
    micro_batch: int  # sequences a forward pass
    gradient_accumulation: int  # forward passes an optimizer step
    max_length: int  # tokens a row; longer rows are truncated and counted
    gradient_checkpointing: bool
    compute_dtype: Literal["bfloat16", "float32"]  # of base weights and forward pass
    adapter_dtype: Literal["bfloat16", "float32"]  # of the trained parameters
    seed: int
    checkpoint_every_steps: int
    early_stop_patience: int | None  # validations without improvement; None: never stop early
    report_to: Literal["none", "wandb", "mlflow"]


Metric = Literal[
    "accuracy", "macro-f1", "exact-match", "rouge-l", "json-valid", "schema-valid", "field-accuracy"
]


class Evaluate(Frozen):
    metric: Metric  # the one the gate looks at
    batch_rows: int
    max_new_tokens: int
    max_rows: int | None
    bootstrap_samples: int
    confidence: float
    seed: int
    dtype: Literal["bfloat16", "float32"]  # that will be served
    json_schema: dict[str, Any] | None  # what an extraction's answers must satisfy


class Gate(Frozen):
    """All in units of the metric (0..1)."""

    min_improvement: float  # over the base: the interval's lower bound must reach it
    max_regression: float  # under the incumbent: the interval's lower bound may not pass it
    min_score: float | None  # absolute floor of the tuned score


class Serve(Frozen):
    dtype: Literal["bfloat16", "float32"]
    max_length: int  # tokens of prompt and answer together
    weights: Literal["adapter", "merged"]  # "merged": vLLM has no LoRA for the base


class Run(Frozen):
    schema_version: Literal[1]
    run_id: str  # names runs/<run-id>/
    name: str  # of the fine-tune, DNS-1123; also the alias
    task: Literal["classification", "extraction", "generation"]
    base: Base
    data: Data
    train: Train
    evaluate: Evaluate
    gate: Gate
    serve: Serve

    @property
    def model_id(self) -> str:
        """The immutable name under which this run's adapter is served."""
        return f"{self.name}-{self.run_id}"


class Server(Frozen):
    """`server.json`: one server process per base model, many adapters."""

    schema_version: Literal[1]
    base: Base
    host: str
    port: int
    dtype: Literal["bfloat16", "float32"]
    max_length: int
    aliases_file: str  # absolute; watched: a change is live without a restart
    max_batch_rows: int
    api_key_variable: str | None  # NAME of the environment variable that holds the key


class Alias(Frozen):
    model_id: str
    run_id: str
    adapter: str  # absolute path of the adapter folder


class Aliases(Frozen):
    """`aliases.json`: what the server answers for beside its base."""

    schema_version: Literal[1]
    aliases: dict[str, Alias]


def load_document(kind: type[BaseModel], path: Path) -> Any:
    """Read a JSON file as `kind`. Raises StageError(USAGE) naming every bad field."""
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StageError(ExitCode.USAGE, f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise StageError(ExitCode.USAGE, f"{path}: not JSON: {error}") from None
    except ValidationError as error:
        problems = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise StageError(ExitCode.USAGE, f"{path} does not validate", problems) from None


def load_run(path: Path) -> Run:
    """Read and validate a run.json. Raises StageError(USAGE) naming every bad field."""
    run: Run = load_document(Run, path)
    return run


def load_server(path: Path) -> Server:
    """Read and validate a server.json."""
    server: Server = load_document(Server, path)
    return server


def load_aliases(path: Path) -> Aliases:
    """Read and validate an aliases.json."""
    aliases: Aliases = load_document(Aliases, path)
    return aliases
