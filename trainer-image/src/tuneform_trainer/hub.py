"""Weights of the Hugging Face hub, or of a mirror of it: fetched once, found afterwards without a network.

huggingface_hub is imported late, and reads its settings (HF_ENDPOINT, HF_HUB_OFFLINE) as it is imported.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from tuneform_trainer import progress
from tuneform_trainer.config import Base
from tuneform_trainer.errors import ExitCode, StageError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

PATTERNS = ["*.json", "*.safetensors", "tokenizer*", "*.jinja", "*.txt"]
TOKEN = "HF_TOKEN (in a cluster: key `token` of the Secret that tuneform:kubernetes.tokenSecret names)"
POLL_SECONDS = 5.0


def hub_snapshot(base: Base) -> Path:
    """Folder of the weights at the base's revision; fetched where it is not there and the hub may be asked.

    Raises StageError(BASE_MODEL) with the way out.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        name = base.hub_id or base.id
        return Path(snapshot_download(name, revision=base.revision, allow_patterns=PATTERNS))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise StageError(ExitCode.BASE_MODEL, why_not(base, error)) from error


def await_snapshot(base: Base, seconds: float) -> None:
    """Return once the weights are there as a whole, without asking the hub: another Job fetches them.

    Raises StageError(BASE_MODEL) after `seconds`.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            name = base.hub_id or base.id
            snapshot_download(name, revision=base.revision, allow_patterns=PATTERNS, local_files_only=True)
        except LocalEntryNotFoundError as error:
            if time.monotonic() >= deadline:
                raise StageError(ExitCode.BASE_MODEL, _not_fetched(base)) from error
        else:
            return
        if not told:
            progress.log(f"base model: waiting for the weights of {base.hub_id}, which another Job fetches")
        told = True
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def why_not(base: Base, error: Exception) -> str:
    """For people: what the client's error means, and the way out of it."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE:
        return _not_fetched(base)
    where = f"{base.hub_id} at {constants.ENDPOINT}"
    # The client wraps what it was told where it looked for a cached copy afterwards.
    answer = error if isinstance(error, HfHubHTTPError) else error.__cause__
    if isinstance(answer, RevisionNotFoundError):
        return f"{where} has no revision {base.revision}: correct base.revision of the model file"
    refusal = _refusal(where, answer) if isinstance(answer, HfHubHTTPError) else None
    return refusal or (
        f"{where} cannot be had ({error}); without a hub set tuneform:kubernetes.hubEndpoint to a mirror, "
        "`tuneform:weights: package` for bases that have one, or `base: {folder: ...}`"
    )


def _refusal(where: str, answer: HfHubHTTPError) -> str | None:
    """What an answer says of the token; None where it says nothing of it."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import GatedRepoError

    status = answer.response.status_code
    has_token = get_token() is not None
    if isinstance(answer, GatedRepoError):
        way_out = (
            "and the account of this token may not read it: accept its licence there"
            if has_token
            else f"accept its licence there, then set {TOKEN} to a token of that account"
        )
        return f"{where} is gated, {way_out}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        said = "refuses this token" if has_token else "wants a token"
        return f"{where}: the hub {said} (HTTP {status}); set {TOKEN} to one that may read it"
    if status == HTTPStatus.NOT_FOUND:
        token = "this token may not see it" if has_token else f"it wants a token: set {TOKEN}"
        return f"{where} does not exist, or {token}; correct base.hub of the model file"
    return None


def _not_fetched(base: Base) -> str:
    from huggingface_hub import constants

    return (
        f"{base.hub_id}: its weights at revision {base.revision} are not in {constants.HF_HUB_CACHE}, "
        "and this stage asks no hub; the Job <fine-tune>-<run id>-stage fetches them: read its log"
    )
