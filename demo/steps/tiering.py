"""Storage: old partitions and some images move to the cold tier while a reader reads."""

import threading
from typing import Any

from demo.client import Api, wait_until
from demo.progress import bar, say
from demo.world import SCIENTIST, World

GRACE_SECONDS = 5
OLD_MONTH = 7
MOVE_SECONDS = 240


class Reader(threading.Thread):
    """Counts the flights again and again through the governed read, and remembers every count."""

    def __init__(self, api: Api, uuid: str) -> None:
        super().__init__(daemon=True)
        self.api, self.uuid = api, uuid
        self.counts: list[int] = []
        self.failures: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.counts.append(count_rows(self.api, self.uuid))
            except (SystemExit, OSError, ValueError) as error:
                self.failures.append(str(error))


def count_rows(api: Api, uuid: str) -> int:
    """Rows of the whole table as Arrow batches, counted by the reader and not by the server."""
    import pyarrow as pa

    response = api.call(
        "GET",
        f"/api/v1/catalog/datasets/{uuid}/rows",
        params={"columns": "month,flight"},
        headers={"Accept": "application/vnd.apache.arrow.stream"},
    )
    response.raise_for_status()
    with pa.ipc.open_stream(response.content) as stream:
        return sum(batch.num_rows for batch in stream)


def run(world: World) -> None:
    """Plan, move, verify; the reader's counts never change."""
    flights, images = world.dataset("raw.flights"), world.dataset("files.images")
    world.let_engineers_read(flights["uuid"])
    _policy(world, flights["uuid"], {"partition": {"month": {"lt": OLD_MONTH}}})
    _policy(world, images["uuid"], {"keys": ["*.jpg"]})
    before = _tiers(world, flights["uuid"])
    reader = Reader(world.people[SCIENTIST], flights["uuid"])
    reader.start()
    wait_until(lambda: reader.counts or reader.failures, seconds=60, what="the first count")
    for name, uuid in (("flights", flights["uuid"]), ("images", images["uuid"])):
        _move(world, name, uuid)
    read_while_moving = len(reader.counts)
    wait_until(
        lambda: len(reader.counts) > read_while_moving or reader.failures,
        seconds=60,
        what="a count after the move",
    )
    reader.stopping.set()
    reader.join(60)
    expected = world.figures["flights in the file"]
    world.claim("the reader's counts never change", expected={expected}, found=set(reader.counts))
    world.claim("the reader never failed", expected=[], found=reader.failures)
    world.figures["counts taken by the reader while files moved"] = len(reader.counts)
    after = _tiers(world, flights["uuid"])
    world.figures["bytes of raw.flights a tier, before"] = before
    world.figures["bytes of raw.flights a tier, after"] = after
    world.claim("old partitions are cold", expected=True, found=after.get("cold", 0) > 0)
    say(f"{len(reader.counts)} counts by the reader, all {expected:,}; tiers now {after}")


def _policy(world: World, uuid: str, condition: dict[str, Any]) -> None:
    policies = world.admin.items("/api/v1/storage/tier-policies", dataset=uuid)
    if not any(str(policy["dataset"]) == uuid for policy in policies):
        world.admin.post(
            "/api/v1/storage/tier-policies",
            {"dataset": uuid, "condition": condition, "target": "cold"},
        )


def _tiers(world: World, uuid: str) -> dict[str, int]:
    detail = world.admin.get(f"/api/v1/catalog/datasets/{uuid}")
    return {tier["tier"]: tier["bytes"] for tier in detail["tiers"]}


def _move(world: World, name: str, uuid: str) -> None:
    run_ = world.admin.post(
        "/api/v1/storage/tiering-runs", {"dataset": uuid, "grace_seconds": GRACE_SECONDS}
    )
    report = run_["report"]
    moves = report["moves"]
    with bar(f"move {name}", moves) as advance:

        def finished() -> bool:
            states = world.admin.get(f"/api/v1/storage/tiering-runs/{run_['uuid']}")["states"]
            done: int = states.get("done", {}).get("movements", 0)
            advance(done)
            failed = states.get("failed", {}).get("movements", 0)
            if failed:
                raise SystemExit(f"{failed} movements of {name} failed: {states}")
            return bool(done >= moves)

        wait_until(finished, seconds=MOVE_SECONDS, what=f"{name} to move")
    cost = report["cost"]
    world.figures[f"cost of {name} a month, before"] = f"{cost['before_a_month']['total']} USD"
    world.figures[f"cost of {name} a month, after"] = f"{cost['after_a_month']['total']} USD"
    say(f"{name}: {moves} moved, {report['bytes_to_move']:,} bytes, verified, source removed")
