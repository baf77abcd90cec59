"""The one thing that a Job asks of the Kubernetes API: to patch its ConfigMap."""

from __future__ import annotations

import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tuneform_trainer import progress
from tuneform_trainer.errors import ExitCode, StageError

if TYPE_CHECKING:
    import httpx

PATIENCE_SECONDS = 120.0  # a control plane that is being upgraded is away for about a minute
REQUEST_SECONDS = 15.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 15.0
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Cluster:
    """Where a pod finds its API server, and as whom it speaks."""

    url: str
    service_account: Path  # token, ca.crt and namespace, as Kubernetes mounts them

    @property
    def namespace(self) -> str:
        return (self.service_account / "namespace").read_text().strip()

    @property
    def token(self) -> str:
        """Read for every request: the kubelet replaces it while a Job runs."""
        return (self.service_account / "token").read_text().strip()


def this_cluster() -> Cluster:
    """Of the pod that this process runs in. Raises StageError(ENVIRONMENT) outside of one.

    TUNEFORM_SERVICE_ACCOUNT names another folder than the one that Kubernetes uses.
    """
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}") for name in ("HOST", "PORT"))
    folder = Path(os.environ.get("TUNEFORM_SERVICE_ACCOUNT", SERVICE_ACCOUNT))
    if not host or not port:
        message = (
            "KUBERNETES_SERVICE_HOST and _PORT are not set: --verdict-configmap is for pods of a cluster"
        )
        raise StageError(ExitCode.ENVIRONMENT, message)
    absent = [name for name in ("token", "ca.crt", "namespace") if not (folder / name).is_file()]
    if absent:
        message = (
            f"{folder}: no {', '.join(absent)}; this container needs its service account's token mounted"
        )
        raise StageError(ExitCode.ENVIRONMENT, message)
    return Cluster(f"https://{f'[{host}]' if ':' in host else host}:{port}", folder)


def patch_config_map(
    cluster: Cluster, name: str, data: dict[str, str], *, patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Merge `data` into the ConfigMap; its other keys stay.

    Waits up to `patience_seconds` for an API server that cannot be reached or is overloaded. Raises
    StageError(ENVIRONMENT) when it refuses or does not come back.
    """
    import httpx

    path = f"/api/v1/namespaces/{cluster.namespace}/configmaps/{name}"
    trusted = ssl.create_default_context(cafile=str(cluster.service_account / "ca.crt"))
    deadline = time.monotonic() + patience_seconds
    pause = FIRST_PAUSE_SECONDS
    # trust_env: a proxy for the outside world is not a way to the API server.
    with httpx.Client(base_url=cluster.url, verify=trusted, trust_env=False, timeout=REQUEST_SECONDS) as api:
        while True:
            trouble = _try_patch(api, path, cluster, name, data)
            if trouble is None:
                return
            if time.monotonic() + pause > deadline:
                message = f"ConfigMap {name} could not be patched in {patience_seconds:.0f} s: {trouble}"
                raise StageError(ExitCode.ENVIRONMENT, message)
            progress.log(f"ConfigMap {name}: {trouble}; trying again in {pause:.0f} s", "warning")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _try_patch(api: httpx.Client, path: str, cluster: Cluster, name: str, data: dict[str, str]) -> str | None:
    """None when it is done, else what may pass by itself. Raises StageError for what will not."""
    import httpx

    headers = {
        "Authorization": f"Bearer {cluster.token}",
        "Content-Type": "application/merge-patch+json",
    }
    try:
        answer = api.patch(path, json={"data": data}, headers=headers)
    except httpx.TransportError as error:
        return f"{cluster.url} cannot be reached: {error}"
    if answer.is_success:
        return None
    said = f"{answer.status_code} {_message(answer)}"
    if answer.status_code in (409, 429) or answer.is_server_error:
        return said
    way_out = {
        401: "the service account's token is not accepted: it was deleted, or its audience is another",
        403: f"the Job's service account needs a Role that allows `patch` on the ConfigMap {name} "
        f"in namespace {cluster.namespace}, and a RoleBinding to it; `tuneform up` makes both",
        404: f"there is no ConfigMap {name} in namespace {cluster.namespace}; `tuneform up` makes it, and "
        f"the Role that names it",
    }.get(answer.status_code, "the API server will not take it")
    raise StageError(ExitCode.ENVIRONMENT, f"ConfigMap {name} was not patched: {said}", [way_out])


def _message(answer: httpx.Response) -> str:
    """Of the `Status` object that the API server answers with."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
