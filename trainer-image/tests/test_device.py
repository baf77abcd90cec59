"""Peak memory of a GPU, by its decisions: no GPU is here, so torch's own answers are replaced."""

from __future__ import annotations

import pytest
import torch

from tuneform_trainer.training.device import device_name, peak_bytes

GB = 1_000_000_000


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An L4 of which this process holds 9 of 24 GB now and held 14 at most; the context takes half a GB."""
    answers = {
        "is_available": True,
        "get_device_name": "NVIDIA L4",
        "mem_get_info": (14 * GB + GB // 2, 24 * GB),
        "memory_reserved": 9 * GB,
        "max_memory_reserved": 14 * GB,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    return monkeypatch


def test_peak_of_a_gpu_is_what_the_process_took_of_it(gpu: pytest.MonkeyPatch) -> None:
    assert peak_bytes() == 14 * GB + GB // 2
    assert device_name() == "NVIDIA L4"


def test_a_driver_that_counts_less_than_the_allocator_takes_nothing_away(gpu: pytest.MonkeyPatch) -> None:
    gpu.setattr(torch.cuda, "mem_get_info", lambda *_: (24 * GB, 24 * GB))
    assert peak_bytes() == 14 * GB


def test_without_a_gpu_it_is_resident_memory() -> None:
    held = bytearray(300_000_000)
    held[::4096] = b"x" * len(held[::4096])
    assert peak_bytes() > len(held)
    assert device_name() == "cpu"
