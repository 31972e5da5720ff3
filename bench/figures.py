"""What a benchmark gives: figures with their spread, what they were measured against, and where.

A benchmark is a module of this folder with `run(*, quick: bool) -> list[Figure]`. Machines are noisy, so CPU time
and ratios count more than wall time, and each figure is a median with its minimum and maximum.
"""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured quantity. `ratio` is ours divided by the peer's median, where there is a peer."""

    name: str
    unit: str
    median: float
    minimum: float
    maximum: float
    runs: int
    peer: str = ""
    peer_median: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.median / self.peer_median if self.peer_median else None


def figure(
    name: str,
    unit: str,
    samples: Sequence[float],
    *,
    peer: str = "",
    peer_samples: Sequence[float] = (),
    note: str = "",
) -> Figure:
    """A figure of `samples`, beside the median of `peer_samples` if there are any."""
    return Figure(
        name=name,
        unit=unit,
        median=statistics.median(samples),
        minimum=min(samples),
        maximum=max(samples),
        runs=len(samples),
        peer=peer,
        peer_median=statistics.median(peer_samples) if peer_samples else None,
        note=note,
    )


def machine() -> dict[str, Any]:
    """Where the figures were measured, as far as it bears on them."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
    }


def as_row(figure_: Figure) -> dict[str, Any]:
    """The figure as JSON, its ratio included."""
    return {**asdict(figure_), "ratio": figure_.ratio}
