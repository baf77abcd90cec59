"""The program `tuneform-trainer`. Heavy imports come late: `--help` and a wrong option answer at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tuneform_trainer import progress
from tuneform_trainer.config import Run, load_run, load_server
from tuneform_trainer.errors import ExitCode, StageError
from tuneform_trainer.workspace import Workspace

HELP = """The stages of a Tuneform fine-tune, and the servers of what they make.

Each stage is idempotent: what is done is found and skipped. Exit codes: docs/exit-codes.md.
"""
app = typer.Typer(add_completion=False, no_args_is_help=True, help=HELP)
RunFile = Annotated[Path, typer.Option("--run", help="run.json, a part of the plan")]
Folder = Annotated[Path, typer.Option("--workspace", help="where all artefacts live")]


def _stage(work: Callable[[Run, Workspace], None], run_file: Path, folder: Path) -> None:
    run, workspace = load_run(run_file), Workspace(folder.absolute())
    with workspace.run_lock(run.run_id):
        work(run, workspace)


@app.command()
def stage(  # noqa: PLR0913, PLR0917 - one argument per option
    run: RunFile,
    workspace: Folder,
    parts: Annotated[
        Path | None, typer.Option(help="folder with the data: <sha256>/000, 001, ..., parts of a gzip file")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="fetch the base model as well")] = False,
    mounted: Annotated[
        list[str] | None, typer.Option(help="<sha256>=<file>: a source that is mounted, to be copied")
    ] = None,
    await_base: Annotated[
        float, typer.Option(help="seconds to wait for a base model of the hub that another Job fetches")
    ] = 0,
) -> None:
    """Bring data, and the base model when told to, into the workspace; later stages need no network."""
    from tuneform_trainer.stage import await_base as wait
    from tuneform_trainer.stage import stage as work

    if not download:  # before the run's lock is taken: who fetches it needs that lock
        wait(load_run(run), await_base)

    files = {sha256: Path(file) for sha256, _, file in (each.partition("=") for each in mounted or [])}
    _stage(
        lambda run, workspace: work(run, workspace, parts, download=download, mounted=files), run, workspace
    )


@app.command()
def prepare(run: RunFile, workspace: Folder) -> None:
    """Read, map, check and split the data."""
    from tuneform_trainer.prepare import prepare as work

    _stage(work, run, workspace)


@app.command()
def train(run: RunFile, workspace: Folder) -> None:
    """Train the adapter; resumes from the last complete checkpoint."""
    from tuneform_trainer.train import train as work

    _stage(work, run, workspace)


@app.command()
def evaluate(run: RunFile, workspace: Folder) -> None:
    """Score base, tuned and incumbent on the test rows and write the gate's verdict."""
    from tuneform_trainer.evaluate import evaluate as work

    _stage(work, run, workspace)


@app.command()
def publish(
    run: RunFile,
    workspace: Folder,
    verdict_configmap: Annotated[
        str | None, typer.Option(help="in a cluster: the ConfigMap to write the verdict to")
    ] = None,
    adapters: Annotated[
        Path | None, typer.Option(help="with --verdict-configmap: folder that gets a copy of the adapter")
    ] = None,
    registry: Annotated[
        Path | None, typer.Option(help="with --verdict-configmap: folder that gets a copy of its entry")
    ] = None,
) -> None:
    """Write contract, model card, report and registry entry of a promoted run."""
    from tuneform_trainer.publish import publish as work

    if verdict_configmap is None:
        _stage(work, run, workspace)
        return
    from tuneform_trainer.publishing.announcement import publish_and_announce

    name = verdict_configmap
    _stage(
        lambda run, workspace: publish_and_announce(run, workspace, name, adapters, registry), run, workspace
    )


@app.command()
def run(run: RunFile, workspace: Folder) -> None:
    """All of the above, one after the other, in one process: imports and lock are paid once."""
    from tuneform_trainer.evaluate import evaluate as third
    from tuneform_trainer.prepare import prepare as first
    from tuneform_trainer.publish import publish as fourth
    from tuneform_trainer.train import train as second

    def all_stages(run: Run, workspace: Workspace) -> None:
        for work in (first, second, third, fourth):
            work(run, workspace)

    _stage(all_stages, run, workspace)


@app.command()
def serve(
    workspace: Folder,
    server: Annotated[Path | None, typer.Option(help="server.json: many adapters")] = None,
    run: Annotated[Path | None, typer.Option(help="run.json: this run's adapter only")] = None,
    port: Annotated[int, typer.Option(help="with --run")] = 8000,
    state: Annotated[
        Path | None, typer.Option(help="with --server: for its pid and status; default: beside aliases.json")
    ] = None,
) -> None:
    """Serve the base and its adapters, following vLLM's HTTP contract."""
    from tuneform_trainer.serve import serve_run, serve_server

    if (server is None) == (run is None):
        raise StageError(ExitCode.USAGE, "serve needs either --server or --run")
    if server is not None:
        serve_server(load_server(server), Workspace(workspace.absolute()), state)
    elif run is not None:
        serve_run(load_run(run), Workspace(workspace.absolute()), port)


@app.command()
def gateway(
    aliases: Annotated[Path, typer.Option(help="aliases.json; followed while it changes")],
    port: Annotated[int, typer.Option()] = 8080,
    host: Annotated[str, typer.Option()] = "0.0.0.0",
    keys: Annotated[
        Path | None, typer.Option(help="folder whose files each hold an accepted API key; default: no keys")
    ] = None,
) -> None:
    """Route requests for aliases to the servers of their models; refuse everything else."""
    from tuneform_trainer.gateway.serve import serve_gateway

    serve_gateway(aliases, host, port, keys)


def _stop_with_parent() -> None:
    """End like on SIGTERM when the process that started us is gone (its end of stdin closes).

    A trainer that outlives its `pulumi up` would burn a GPU for nobody. Asked for with
    TUNEFORM_STOP_WITH_PARENT=1, because under Kubernetes stdin is closed from the start.
    """
    if os.environ.get("TUNEFORM_STOP_WITH_PARENT") != "1":
        return

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Entry point: maps every outcome to a documented exit code."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Outside the training loop, which saves a checkpoint first, there is nothing to save.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.PREEMPTED))
    _stop_with_parent()
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else ExitCode.OK)
    except StageError as error:
        progress.error(error.code, error.message, error.problems)
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except typer.Exit as exit_:
        sys.exit(exit_.exit_code)
    except Exception as error:
        if type(error).__module__.startswith("click") or "UsageError" in type(error).__name__:
            progress.error(ExitCode.USAGE, str(error), [])
            sys.exit(ExitCode.USAGE)
        traceback.print_exc()
        progress.error(ExitCode.INTERNAL, f"{type(error).__name__}: {error}", [])
        sys.exit(ExitCode.INTERNAL)


if __name__ == "__main__":
    main()
