"""Random estates: a world as plain dicts, for the oracle, and the same as rows of the product.

Whatever is in an estate bears words of its own, so that an answer that tells of it can be told by its text.
"""

import random
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group

from catalog.models import (
    DataProduct,
    Dataset,
    DatasetEdge,
    DatasetVersion,
    Domain,
    FieldEdge,
    GlossaryTerm,
    Job,
    Run,
    RunDataset,
)
from catalog.services.contracts import put_contract
from catalog.services.glossary import create_term, link_dataset
from catalog.services.openlineage import record_event
from catalog.services.products import add_port, create_product
from catalog.services.search import refresh_search_text
from core.clock import utc_now
from governance.models import (
    AccessRequest,
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    Policy,
    RequestState,
)
from governance.policy.types import Action
from governance.services.grants import create_grant
from identity.models import User
from tests.catalog.world import dataset as told_dataset
from tests.catalog.world import run_event
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_policy, make_request
from tests.factories.identity import make_group, make_user
from tests.governance.policy import oracle

USERS, GROUPS, DOMAINS, DATASETS, JOBS = 4, 3, 5, 10, 8
TAGS = ["pii", "pii.email", "gold", "rare"]
KINDS = ["table", "topic", "fileset", "collection"]
# The one who looks around, by the key of users in the plain world.
VIEWER = 0


@dataclass
class Estate:
    """A world twice: `plain` for the oracle, and its rows by the keys of the plain one."""

    plain: dict[str, Any]
    viewer: dict[str, Any]
    users: dict[int, User] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    domains: dict[int, Domain] = field(default_factory=dict)
    datasets: dict[int, Dataset] = field(default_factory=dict)
    # By name: the values that parameters of a URL take.
    values: dict[str, list[str]] = field(default_factory=dict)

    def allowed(self, action: str) -> set[int]:
        """The keys of the datasets to which the viewer may do `action`, as the oracle says."""
        return {
            each["id"]
            for each in self.plain["datasets"]
            if oracle.allowed(self.plain, self.viewer, action, each)
        }

    def names(self, keys: set[int]) -> set[str]:
        """Names of datasets."""
        return {each["name"] for each in self.plain["datasets"] if each["id"] in keys}


def make_estate(seed: int, *, is_steward: bool) -> Estate:
    """An estate of which the viewer knows some part; a steward stewards a domain, and comes into the admin."""
    dice = random.Random(seed)
    plain = _plain_world(dice, is_steward=is_steward)
    viewer = {
        "id": VIEWER,
        "username": f"user-{VIEWER}",
        "groups": [0, 1],
        "attributes": {},
        "purpose": None,
        "is_superuser": False,
        "is_active": True,
        "token": None,
    }
    estate = Estate(plain, viewer)
    _make_people(estate, is_steward=is_steward)
    _make_datasets(estate)
    _make_rights(estate)
    _make_lineage(estate, dice)
    _make_vocabulary(estate, dice)
    _collect_values(estate)
    return estate


def word(kind: str, key: object) -> str:
    """A word that nothing else has."""
    return f"zq{kind}{key}x"


def _plain_world(dice: random.Random, *, is_steward: bool) -> dict[str, Any]:
    domains: dict[int, dict[str, Any]] = {}
    for key in range(DOMAINS):
        parent = dice.choice([None, *range(key)]) if key else None
        above = "" if parent is None else domains[parent]["path"] + "/"
        domains[key] = {
            "path": above + word("domain", key),
            "parent": parent,
            "owners": [],
            "stewards": [("user", dice.randrange(1, USERS))],
        }
    if is_steward:
        domains[DOMAINS - 1]["stewards"].append(("user", VIEWER))
    world: dict[str, Any] = {
        "domains": domains,
        "datasets": [_plain_dataset(dice, key) for key in range(DATASETS)],
    }
    world["grants"] = [_plain_grant(dice) for _ in range(8)]
    world["policies"] = [_plain_policy(dice, domains) for _ in range(5)]
    return world


def _plain_dataset(dice: random.Random, key: int) -> dict[str, Any]:
    return {
        "id": key,
        "kind": dice.choice(KINDS),
        "name": f"{dice.choice(['raw', 'cur'])}-{word('name', key)}",
        "domain": dice.choice([None, *range(DOMAINS)]),
        "owners": [("user", dice.randrange(USERS))] if dice.random() < 0.4 else [],
        "stewards": [],
        "tags": dice.sample([*TAGS, word("tag", key)], dice.randrange(3)),
        "fields": [
            {"name": "region", "type": "string", "tags": dice.sample(TAGS, dice.randrange(2))},
            {"name": word("column", key), "type": "string", "tags": []},
            {"name": "flow", "type": "string", "tags": []},
        ],
    }


def _plain_grant(dice: random.Random) -> dict[str, Any]:
    on_dataset = dice.random() < 0.8
    return {
        "subject": dice.choice([("user", 0), ("user", 1), ("group", 0), ("group", 2)]),
        "target": ("dataset", dice.randrange(DATASETS))
        if on_dataset
        else ("domain", dice.randrange(DOMAINS)),
        "action": dice.choice(["discover", "discover", "view_metadata", "read"]),
        "filter": None,
        "columns": None,
        "purpose": None,
        "expires_at": None,
    }


def _plain_policy(dice: random.Random, domains: dict[int, dict[str, Any]]) -> dict[str, Any]:
    scope: dict[str, Any] = dice.choice(
        [
            {"tags": [dice.choice(TAGS)]},
            {"field_tags": ["pii.*"]},
            {"name": ["raw-*"], "kind": ["table"]},
            {"domain": [domains[dice.randrange(DOMAINS)]["path"]]},
        ]
    )
    right = dice.choice(["allow", "deny", "deny"])
    return {
        "scope": scope,
        "effect": (right, [dice.choice(["discover", "view_metadata", "read"])]),
        "subjects": {
            "users": [],
            "groups": [f"group-{dice.randrange(GROUPS)}"],
            "attributes": {},
            "purpose": [],
        },
        "exempt": None,
        "purpose": [],
        "valid_from": None,
        "valid_until": None,
    }


def _make_people(estate: Estate, *, is_steward: bool) -> None:
    estate.groups = {key: make_group(f"group-{key}") for key in range(GROUPS)}
    for key in range(USERS):
        groups = [
            estate.groups[each] for each in (estate.viewer["groups"] if key == VIEWER else [])
        ]
        staff = is_steward and key == VIEWER
        estate.users[key] = make_user(f"user-{key}", groups=groups, is_staff=staff)
    for key, given in estate.plain["domains"].items():
        estate.domains[key] = make_domain(
            given["path"].rpartition("/")[2],
            parent=estate.domains.get(given["parent"]),
            description=word("domaintext", key),
            stewards=[estate.users[each] for _, each in given["stewards"]],
        )


def _make_datasets(estate: Estate) -> None:
    for given in estate.plain["datasets"]:
        key = given["id"]
        row = make_dataset(
            given["name"],
            namespace=word("space", key % 4),
            kind=given["kind"],
            domain=estate.domains.get(given["domain"]),
            description=f"text {word('text', key)}",
            properties={"note": word("property", key)},
            owners=[estate.users[each] for _, each in given["owners"]],
            tags=given["tags"],
            fields=[(each["name"], each["type"], each["tags"]) for each in given["fields"]],
        )
        row.current_version = DatasetVersion.objects.create(
            dataset=row, number=1, schema=[{"name": each["name"]} for each in given["fields"]]
        )
        row.save(update_fields=["current_version"])
        estate.datasets[key] = row


def _make_rights(estate: Estate) -> None:
    subjects = {"user": estate.users, "group": estate.groups}
    targets = {"dataset": estate.datasets, "domain": estate.domains}
    for given in estate.plain["grants"]:
        kind, key = given["subject"]
        on, target = given["target"]
        create_grant(
            actor="system",
            granted_by=None,
            subject=subjects[kind][key],
            target=targets[on][target],
            action=Action(given["action"]),
        )
    for place, given in enumerate(estate.plain["policies"]):
        right, actions = given["effect"]
        make_policy(
            {
                "name": word("policy", place),
                "applies_to": given["scope"],
                "subjects": {"groups": given["subjects"]["groups"]},
                "effect": {right: actions},
            }
        )


def _make_lineage(estate: Estate, dice: random.Random) -> None:
    """Jobs that read one or two datasets and write one; facets only where one dataset vouches for all of the job."""
    for number in range(JOBS):
        chosen = dice.sample(sorted(estate.datasets), 3)
        reads, write = chosen[: dice.randrange(1, 3)], chosen[2]
        alone = number % 3 == 0
        ends = [
            told_dataset(estate.datasets[each].name, namespace=estate.datasets[each].namespace)
            for each in ([] if alone else reads)
        ]
        target = estate.datasets[write]
        facets = (
            {"job_facets": {"sql": {"query": f"select {word('sql', number)}"}}} if alone else {}
        )
        record_event(
            event=run_event(
                run=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
                job=word("job", number),
                at=f"2026-01-{number + 1:02}T10:00:00Z",
                inputs=ends,
                outputs=[told_dataset(target.name, namespace=target.namespace)],
                **facets,
            ),
            sender=None,
        )
        for each in reads:
            _derive(estate.datasets[each], target)
    refresh_search_text([row.pk for row in estate.datasets.values()])


def _derive(source: Dataset, target: Dataset) -> None:
    ends = [row.fields.get(name="flow") for row in (source, target)]
    FieldEdge.objects.get_or_create(source=ends[0], target=ends[1], valid_to=None)


def _make_vocabulary(estate: Estate, dice: random.Random) -> None:
    for number in range(4):
        domain = estate.domains[dice.randrange(DOMAINS)]
        term = create_term(domain=domain, name=word("term", number), actor="system")
        product = create_product(domain=domain, name=word("product", number), actor="system")
        for row in dice.sample(list(estate.datasets.values()), 2):
            link_dataset(row, term=term, actor="system")
            add_port(product, dataset=row, direction="output", actor="system")
    for key in dice.sample(sorted(estate.datasets), 5):
        put_contract(
            estate.datasets[key],
            document={"id": word("contract", key), "version": "1"},
            source="{}",
            media_type="application/json",
            actor="system",
        )
    for key in sorted(estate.allowed("discover"))[:3]:
        make_request(estate.users[VIEWER], estate.datasets[key], purpose=word("mine", key))
    for key, row in estate.datasets.items():
        row.access_requests.create(
            requester=estate.users[2],
            purpose=word("asked", key),
            duration=timedelta(days=7),
            state=RequestState.DENIED,
            decided_at=utc_now(),
        )


def _collect_values(estate: Estate) -> None:
    rows = list(estate.datasets.values())
    estate.values = {
        "dataset": [str(row.uuid) for row in rows],
        "field": [str(row.fields.get(name="region").uuid) for row in rows],
        "domain": [row.slug for row in estate.domains.values()],
        "namespace": sorted({row.namespace for row in rows}),
        "dataset name": [row.name for row in rows],
        "job": [str(row.uuid) for row in Job.objects.all()],
        "job name": [row.name for row in Job.objects.all()],
        "node": [
            *(row.node_id for row in rows),
            *(row.node_id for row in Job.objects.all()),
        ],
        "field node": [f"datasetField:{row.namespace}:{row.name}:flow" for row in rows],
        "tag": [*TAGS, *(word("tag", each["id"]) for each in estate.plain["datasets"])],
        "user": [row.username for row in estate.users.values()],
        "version": [str(row.current_version.uuid) for row in rows],
        "owner": [f"user:{row.username}" for row in estate.users.values()],
        "dataset word": [word("name", key) for key in estate.datasets],
        "job namespace": sorted({row.namespace for row in Job.objects.all()}),
        "run": [str(key) for key in Run.objects.order_by("pk").values_list("pk", flat=True)],
        "term": [str(row.uuid) for row in GlossaryTerm.objects.order_by("pk")],
        "product": [str(row.uuid) for row in DataProduct.objects.order_by("pk")],
        "request": [str(row.uuid) for row in AccessRequest.objects.order_by("pk")],
        "grant": [
            str(key)
            for model in (DatasetUserGrant, DatasetGroupGrant, DomainUserGrant, DomainGroupGrant)
            for key in model.objects.order_by("pk").values_list("uuid", flat=True)
        ],
        "policy": [str(row.pk) for row in Policy.objects.order_by("pk")],
        "nothing": [str(uuid.UUID(int=7))],
    }


def hidden_words(estate: Estate) -> set[str]:
    """The words that only what is hidden from the viewer bears."""
    every = set(estate.datasets)
    veiled = every - estate.allowed("view_metadata")
    kinds = ("text", "column", "property", "tag", "contract", "asked")
    names = {word("name", key) for key in every - estate.allowed("discover")}
    return names | {word(kind, key) for kind in kinds for key in veiled}


def remove_hidden(estate: Estate) -> None:
    """Make the estate one in which nothing is that the viewer may not know of, and what they may not view says other things.

    What runs used stays told of them: a run that also used what is gone is no other run.
    """
    hidden = {
        row.pk for key, row in estate.datasets.items() if key not in estate.allowed("discover")
    }
    uses = list(RunDataset.objects.filter(dataset__in=hidden).select_related("run"))
    only_hidden = Job.objects.exclude(
        pk__in=DatasetEdge.objects.exclude(dataset__in=hidden).values("job")
    )
    gone = set(only_hidden.values_list("pk", flat=True))
    only_hidden.delete()
    Dataset.objects.filter(pk__in=hidden).delete()
    RunDataset.objects.bulk_create([each for each in uses if each.run.job_id not in gone])
    veiled = estate.allowed("discover") - estate.allowed("view_metadata")
    for key in veiled:
        row = estate.datasets[key]
        Dataset.objects.filter(pk=row.pk).update(
            description=word("other", key), properties={"note": word("other", key)}
        )
        row.versions.update(schema=[{"name": word("other", key)}])
        row.fields.filter(name=word("column", key)).update(name=word("other", key))
        row.contracts.update(document={"id": word("other", key), "version": "1"})
        refresh_search_text([row.pk])
