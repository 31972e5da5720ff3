"""A day of OpenLineage events at one go: does what an event costs, and what the web worker holds, stay the same?

A million events (`SOAK_EVENTS` for another number) in ten equal parts, each of the same mix: small and Spark events of
`bench/_events.py`, singly and in batches, posted by 8 clients as in `bench/event_ingest.py`. After each part: CPU an
event of web server and PostgreSQL together, vacuuming included, and the resident memory of the server's processes. At
the end every event must be there once.
"""

import os
from dataclasses import dataclass

from bench._server import Server, own_server
from bench.event_ingest import BATCH, CLIENTS, post
from bench.figures import Figure, figure

EVENTS, QUICK_EVENTS = 1_000_000, 20_000
PARTS = 10
# Kind, events a request, and the tenths of all events that come so.
MIX = (("small", 1, 4), ("small", BATCH, 4), ("spark", 1, 1), ("spark", BATCH, 1))
# Bodies are made before they are posted: so many events' at a time.
CHUNK = 8_000
# Makes the jobs and datasets, and fills the worker's memories.
WARM_UP = 8_000


@dataclass(frozen=True)
class Part:
    """A tenth of the soak."""

    events: int
    cpu_ms: float
    resident_mib: float


class Producers:
    """Posts the mix; each event of a kind has its own number."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._next = dict.fromkeys(("small", "spark"), 0)
        self.sent = 0

    def post_mix(self, count: int) -> int:
        """Post about `count` events; how many."""
        before = self.sent
        for kind, batch, tenths in MIX:
            left = count * tenths // 10 // CLIENTS * CLIENTS
            while left:
                part = min(left, CHUNK)
                post(self._server, kind, first=self._next[kind], count=part, batch=batch)
                self._next[kind] += part
                self.sent += part
                left -= part
        return self.sent - before


def run(*, quick: bool) -> list[Figure]:
    """The first and the last tenth, and how they compare."""
    count = QUICK_EVENTS if quick else int(os.environ.get("SOAK_EVENTS", EVENTS))
    with own_server() as server:
        producers = Producers(server)
        producers.post_mix(WARM_UP)
        parts = [_part(producers, server=server, count=count // PARTS) for _ in range(PARTS)]
        _check_kept(producers.sent)
    return _figures(parts)


def _part(producers: Producers, *, server: Server, count: int) -> Part:
    before = server.cpu_seconds()
    sent = producers.post_mix(count)
    part = Part(sent, (server.cpu_seconds() - before) * 1000 / sent, server.resident_mib())
    print(f"  {producers.sent:,}: {part.cpu_ms:.3f} ms, {part.resident_mib:.0f} MiB", flush=True)
    return part


def _check_kept(sent: int) -> None:
    from catalog.models import RunEvent

    kept = RunEvent.objects.count()
    if kept != sent:
        raise RuntimeError(f"{sent} events were acknowledged, {kept} are kept")


def _figures(parts: list[Part]) -> list[Figure]:
    note = f"{sum(part.events for part in parts):,} events in {PARTS} parts, every one kept once"
    first, last = parts[0], parts[-1]
    cpu = [part.cpu_ms for part in parts]
    memory = [part.resident_mib for part in parts]
    return [
        figure("CPU of an event of the mix", "ms an event", cpu, note=note),
        figure("last part's CPU to the first's", "ratio", [last.cpu_ms / first.cpu_ms], note=note),
        figure("memory of the web server", "MiB", memory, note=note),
        figure("growth of it, first part to last", "MiB", [memory[-1] - memory[0]], note=note),
    ]
