"""What trains, and the most memory that this process has taken of it."""

from __future__ import annotations

import resource
import sys

import torch


def device_name() -> str:
    """What CUDA calls its GPU, or `cpu`."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def peak_bytes() -> int:
    """As the planner counts it: of a GPU what the process takes, else resident memory of this process.

    The process takes what the allocator reserved at most, and beside it CUDA's context and workspaces: what
    the driver says is used and no allocator holds. A pod has its GPU alone, so nobody else is in that.
    """
    if not torch.cuda.is_available():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(peak if sys.platform == "darwin" else peak * 1024)
    free, total = torch.cuda.mem_get_info()
    context = max(0, total - free - torch.cuda.memory_reserved())
    return int(torch.cuda.max_memory_reserved() + context)
