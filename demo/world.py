"""What the steps share: where the product is, who acts, what was counted, and what must hold."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.client import Api
from demo.topics import Produced

# The demo's people. Their passwords are made by `make_password` and printed in the report.
STEWARD, ANALYST, SCIENTIST, OUTSIDER = "sofia", "ana", "milo", "otto"
INGEST_SERVICE, SPARK_SERVICE = "demo-ingest", "demo-spark"


@dataclass(frozen=True)
class Claim:
    """Something that the report shows and that must hold, or the demo fails."""

    text: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)


@dataclass
class World:
    """One run of the demo."""

    url: str
    admin: Api
    cache: Path
    passwords: dict[str, str] = field(default_factory=dict)
    people: dict[str, Api] = field(default_factory=dict)
    produced: dict[str, Produced] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Where this installation's demo keeps what it must remember: beside the product's own data."""
        return Path(os.environ.get("LAKEWARDEN_DATA_DIR") or self.cache) / "demo"

    def claim(self, text: str, *, expected: Any, found: Any) -> None:
        """State what must hold; it goes into the report either way."""
        self.claims.append(Claim(text, expected, found))

    def let_engineers_read(self, uuid: str) -> None:
        """Grant the ML engineers `read` on a dataset, unless they have it."""
        held = self.admin.get("/api/v1/grants", dataset=uuid)
        if not any(grant["action"] == "read" for grant in held):
            body = {"group": "ml-engineers", "dataset": uuid, "action": "read"}
            self.admin.post("/api/v1/grants", body)

    def dataset(self, name: str, *, api: Api | None = None) -> dict[str, Any]:
        """The catalog entry of `lakewarden:<name>`, as `api` (default: the administrator) sees it."""
        rows = (api or self.admin).items("/api/v1/catalog/datasets", namespace="lakewarden", q=name)
        named = [row for row in rows if row["name"] == name]
        if len(named) != 1:
            raise SystemExit(f"expected one dataset `{name}`, found {len(named)}")
        return named[0]


def open_world() -> World:
    """The product that the environment names (`python -m stack env`)."""
    missing = [
        name
        for name in ("LAKEWARDEN_URL", "LAKEWARDEN_ADMIN_TOKEN", "KAFKA_BOOTSTRAP_SERVERS")
        if not os.environ.get(name)
    ]
    if missing:
        raise SystemExit(f"`{missing[0]}` is not set: run `make demo`, or `python -m stack exec`")
    cache_root = os.environ.get("LAKEWARDEN_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(cache_root) if cache_root else Path.home() / ".cache"
    url = os.environ["LAKEWARDEN_URL"]
    return World(
        url=url,
        admin=Api(url, os.environ["LAKEWARDEN_ADMIN_TOKEN"]),
        cache=base / "lakewarden" / "demo",
    )
