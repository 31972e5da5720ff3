"""Events as no producer sends them: few names, so that everything meets everything."""

from random import Random
from typing import Any

NAMES = [("db", "a"), ("db", "b"), ("db", "c"), ("file", "/x/a"), ("file", "/x/b"), ("s3://k", "t")]
TYPES = ["START", "RUNNING", "COMPLETE", "COMPLETE", "FAIL", "ABORT", "OTHER"]
QUERIES = ["insert into b select x from a", "select x, y from a", "insert into c select * from b"]
RUN = "0198a3b1-7c1e-7d32-9a30-00000000000{}"


def make_events(seed: int, *, number: int = 4) -> list[dict[str, Any]]:
    """Events of two jobs and three runs, and some of no run; the same for the same seed."""
    random = Random(seed)
    return [_event(random, minute=3 * place) for place in range(number)]


def _event(random: Random, *, minute: int) -> dict[str, Any]:
    event: dict[str, Any] = {"eventTime": f"2026-01-01T10:{minute:02d}:00Z", "producer": "p"}
    kind = random.random()
    if kind < 0.1:
        return {**event, "dataset": _dataset(random, is_written=True)}
    facets = {"sql": {"query": random.choice(QUERIES)}} if random.random() < 0.3 else {}
    event["job"] = {"namespace": "n", "name": random.choice(["j1", "j2"]), "facets": facets}
    for member in ("inputs", "outputs"):
        is_written = member == "outputs"
        event[member] = [
            _dataset(random, is_written=is_written) for _ in range(random.randint(0, 2))
        ]
    if kind < 0.2:
        return event
    event["run"] = {"runId": RUN.format(random.randint(1, 3)), "facets": {}}
    return {**event, "eventType": random.choice(TYPES)}


def _dataset(random: Random, *, is_written: bool) -> dict[str, Any]:
    namespace, name = random.choice(NAMES)
    facets: dict[str, Any] = {}
    if random.random() < 0.5:
        facets["schema"] = {
            "fields": [
                {"name": each, "type": random.choice(["int", "string"])}
                for each in random.sample("xyz", random.randint(0, 3))
            ]
        }
    if random.random() < 0.2:
        facets["version"] = {"datasetVersion": random.choice("123")}
    if random.random() < 0.2:
        facets["documentation"] = {"description": random.choice("pq")}
    if is_written:
        facets |= _written(random)
    return {"namespace": namespace, "name": name, "facets": facets}


def _written(random: Random) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    source = dict(zip(("namespace", "name"), random.choice(NAMES), strict=True))
    if random.random() < 0.4:
        how = {"type": random.choice(["DIRECT", "INDIRECT"]), "masking": random.random() < 0.5}
        row = {**source, "field": random.choice("xyz"), "transformations": [how]}
        facets["columnLineage"] = {"fields": {random.choice("xyz"): {"inputFields": [row]}}}
    if random.random() < 0.2:
        change = random.choice(["CREATE", "DROP", "ALTER", "OVERWRITE"])
        facets["lifecycleStateChange"] = {"lifecycleStateChange": change}
    if random.random() < 0.15:
        facets["lineage"] = {"inputs": [{**source, "type": "DATASET"}]}
    return facets
