"""Ingestion of files over HTTP: CSV, JSON and XML become tables; images, text and speech become collections."""

from pathlib import Path
from typing import Any

import requests

from demo.client import Api, ApiError, wait_until
from demo.progress import bar, say
from demo.world import INGEST_SERVICE, World

LEASE_SECONDS = 90
NOT_KNOWN = {"null_values": ["", "NA"]}
# name: format, input folder, options
TABLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "weather": ("csv", "csv/weather.csv", NOT_KNOWN),
    "planes": ("csv", "csv/planes.csv", NOT_KNOWN),
    "airlines": ("csv", "csv/airlines.csv", NOT_KNOWN),
    "airports": ("csv", "csv/airports.csv", NOT_KNOWN),
    "cars": ("json", "json/cars.json", {}),
    "subdivisions": ("json", "json/iso3166-2.json", {"row_path": "3166-2"}),
    "countries": ("xml", "xml/iso_3166-1.xml", {"row_path": "iso_3166_entries/iso_3166_entry"}),
}
COLLECTIONS = {"images": "image", "text": "text", "audio": "audio"}
# What these files hold when counted by other means (csv, json and lxml of the standard tools).
ROWS = {
    "weather": 26_115,
    "planes": 3_322,
    "airlines": 16,
    "airports": 1_458,
    "cars": 406,
    "subdivisions": 5_046,
    "countries": 249,
}
BROKEN_FILES = {
    "countries": ("broken.xml", b'<?xml version="1.0"?><iso_3166_entries><iso_3166_entry'),
    "images": ("truncated.png", None),
}


def run(world: World) -> None:
    """Upload every file to its source, the broken ones too."""
    inputs = world.cache / "inputs"
    uploader = _uploader(world)
    for name, (kind, _, options) in TABLES.items():
        _make_source(world, name, "raw", kind, options)
    for name, kind in COLLECTIONS.items():
        _make_source(world, name, "files", kind, {})
    files = [(name, inputs / path) for name, (_, path, _) in TABLES.items()]
    files += [(name, path) for name in COLLECTIONS for path in sorted((inputs / name).iterdir())]
    landed: dict[str, int] = {}
    with bar("upload", len(files)) as advance:
        for done, (name, path) in enumerate(files, start=1):
            batch = _upload(uploader, name, path.name, path.read_bytes())
            landed[name] = landed.get(name, 0) + batch["landed"]
            advance(done)
    for name, count in landed.items():
        say(f"{name}: {count:,} {'objects' if name in COLLECTIONS else 'rows'}")
    for name, count in ROWS.items():
        world.claim(f"{name}: rows", expected=count, found=landed[name])
    for name in COLLECTIONS:
        expected = len(list((inputs / name).iterdir()))
        world.claim(f"{name}: objects", expected=expected, found=landed[name])
    _upload_broken(world, uploader, inputs)


def _uploader(world: World) -> Api:
    """The service account that owns the sources, by a token that the administrator makes for it."""
    made = world.admin.post(
        "/api/v1/tokens",
        {"name": "demo", "scopes": ["read", "write"], "days": 1, "username": INGEST_SERVICE},
    )
    return Api(world.url, made["token"])


def _make_source(
    world: World, name: str, namespace: str, kind: str, options: dict[str, Any]
) -> None:
    world.admin.create(
        "/api/v1/ingestion/sources",
        {
            "name": name,
            "kind": "http",
            "config": {"options": options},
            "namespace": namespace,
            "table": name,
            "format": kind,
            "owner": INGEST_SERVICE,
        },
    )


def _upload(api: Api, source: str, filename: str, content: bytes) -> dict[str, Any]:
    """Send one file; while somebody else lands the source (409 `lease-held`), wait: sending twice lands once."""

    def sent() -> requests.Response | None:
        path = f"/api/v1/ingestion/uploads/{source}/{filename}"
        response = api.call("PUT", path, data=content)
        if response.status_code == requests.codes.conflict:
            return None if response.json()["code"] == "lease-held" else response
        return response

    response = wait_until(sent, seconds=LEASE_SECONDS, what=f"the landing of {source} before ours")
    if response.status_code != requests.codes.created:
        raise ApiError(response)
    batch: dict[str, Any] = response.json()
    return batch


def _upload_broken(world: World, uploader: Api, inputs: Path) -> None:
    """A cut XML file and a cut image: each becomes a dead letter with its reason, and nothing else."""
    for name, (filename, content) in BROKEN_FILES.items():
        data = content or (inputs / "images" / "coffee.png").read_bytes()[:50_000]
        batch = _upload(uploader, name, filename, data)
        found = (batch["landed"], batch["rejected"])
        world.claim(f"{name}: a broken file is a dead letter", expected=(0, 1), found=found)
    say("a cut XML file and a cut image went to the dead letters")
