"""Governance: discover, ask, approve, read with a row filter and masks, expire, and be refused again."""

import re
import time
from typing import Any

import requests

from demo.client import Api, wait_until
from demo.progress import bar, say
from demo.world import ANALYST, OUTSIDER, SPARK_SERVICE, STEWARD, World

TABLE = "people.passengers"
GRANT_SECONDS = 20
LABELS = {"email": "pii.email", "card_number": "pii.card", "name": "pii.name"}
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "name": "mask-email",
        "description": "E-mail addresses are replaced by a hash: they still join, and tell nothing.",
        "applies_to": {"domain": ["flight-operations/passengers"], "field_tags": ["pii.email"]},
        "effect": {"column_mask": "sha-256-global"},
        "except": {"users": [SPARK_SERVICE]},
    },
    {
        "name": "mask-card",
        "description": "Of a card number the last four digits are shown.",
        "applies_to": {"domain": ["flight-operations/passengers"], "field_tags": ["pii.card"]},
        "effect": {"column_mask": "show-last-4"},
        "except": {"users": [SPARK_SERVICE]},
    },
    {
        "name": "own-region",
        "description": "An analyst sees the passengers of her own region.",
        "applies_to": {"domain": ["flight-operations/passengers"]},
        "subjects": {"groups": ["analysts"]},
        "effect": {"row_filter": "region = principal.region"},
    },
)


def label(world: World) -> None:
    """Tag the personal columns where they come in; Spark's column lineage carries the tags on."""
    steward = world.people[STEWARD]
    uuid = world.dataset("people.bookings", api=steward)["uuid"]
    fields = {
        field["name"]: field["uuid"]
        for field in steward.get(f"/api/v1/catalog/datasets/{uuid}")["fields"]
    }
    for name, tag in LABELS.items():
        steward.put(f"/api/v1/catalog/datasets/{uuid}/fields/{fields[name]}/tags/{tag}")
    for document in POLICIES:
        _publish(steward, document)
    say(f"{len(LABELS)} columns tagged, {len(POLICIES)} policies published by {STEWARD}")


def run(world: World) -> None:
    """The whole life of one request."""
    analyst, steward = world.people[ANALYST], world.people[STEWARD]
    _search(world)
    uuid = world.dataset(TABLE, api=analyst)["uuid"]
    refused = _read(analyst, uuid)
    world.claim("before the grant a read is refused", expected=403, found=refused.status_code)
    asked = analyst.post(
        "/api/v1/access-requests",
        {
            "dataset": uuid,
            "purpose": "Which airlines do passengers of my region book?",
            "duration_seconds": GRANT_SECONDS,
        },
    )
    say(f"{ANALYST} asked for {TABLE} for {GRANT_SECONDS} s")
    own = analyst.call("POST", f"/api/v1/access-requests/{asked['uuid']}/approve", json={})
    world.claim("nobody approves their own request", expected=403, found=own.status_code)
    inbox = steward.items("/api/v1/access-requests", inbox=1)
    world.claim(
        "the request is in the steward's inbox",
        expected=True,
        found=asked["uuid"] in {row["uuid"] for row in inbox},
    )
    steward.post(f"/api/v1/access-requests/{asked['uuid']}/approve", {"comment": "fine"})
    approved = time.monotonic()
    say(f"{STEWARD} approved")
    _look_at_rows(world, _read(analyst, uuid))
    with bar("wait for the grant to expire", GRANT_SECONDS) as advance:
        wait_until(
            lambda: _expired(analyst, uuid, approved, advance),
            seconds=GRANT_SECONDS + 15,
            what="the grant to expire",
        )
    after = time.monotonic() - approved
    world.figures["the grant of 20 s was last honoured before"] = f"{after:.1f} s"
    world.claim(
        "after the grant a read is refused", expected=403, found=_read(analyst, uuid).status_code
    )
    say(f"refused again {after:.1f} s after the approval")


def _expired(analyst: Api, uuid: str, since: float, advance: Any) -> bool:
    advance(min(GRANT_SECONDS, int(time.monotonic() - since)))
    return _read(analyst, uuid).status_code == requests.codes.forbidden


def _publish(steward: Api, document: dict[str, Any]) -> None:
    published = {
        row["policy"]
        for row in steward.items("/api/v1/policies")
        if row["status"] == "published" and row["document"] == document
    }
    if document["name"] not in published:
        draft = steward.post("/api/v1/policies", document)
        steward.post(f"/api/v1/policies/{draft['id']}/publish")


def _search(world: World) -> None:
    """The same words, and each sees what they may."""
    found = {
        who: sorted(
            row["name"] for row in world.people[who].get("/api/v1/search", q="passengers")["items"]
        )
        for who in (ANALYST, OUTSIDER)
    }
    world.claim(
        "search finds the passengers for the analyst", expected=True, found=TABLE in found[ANALYST]
    )
    world.claim("search finds nothing for the outsider", expected=[], found=found[OUTSIDER])
    hidden = world.people[OUTSIDER].call(
        "GET", f"/api/v1/catalog/datasets/{world.dataset(TABLE)['uuid']}"
    )
    world.claim("to the outsider it does not exist", expected=404, found=hidden.status_code)


def _read(api: Api, uuid: str) -> requests.Response:
    return api.call("GET", f"/api/v1/catalog/datasets/{uuid}/rows", params={"limit": 1000})


def _look_at_rows(world: World, response: requests.Response) -> None:
    world.claim("with the grant a read is answered", expected=200, found=response.status_code)
    answer = response.json()
    names = [column["name"] for column in answer["columns"]]
    rows = [dict(zip(names, row, strict=True)) for row in answer["rows"]]
    masked = sorted(column["name"] for column in answer["columns"] if column["mask"])
    world.figures["rows read by the analyst"] = len(rows)
    world.figures["masked columns seen"] = ", ".join(masked)
    world.claim("masked columns", expected=["card_number", "email"], found=masked)
    world.claim("only rows of her region", expected={"EWR"}, found={row["region"] for row in rows})
    clear = [row for row in rows if "@" in row["email"] or re.search(r"\d{5}", row["card_number"])]
    world.claim("no e-mail or card number in the clear", expected=0, found=len(clear))
    sample = rows[0]
    say(f"she reads: {sample['email'][:16]}…, {sample['card_number']}, region {sample['region']}")
