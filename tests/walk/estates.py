"""Random estates: a world as plain dicts, for the oracle, and the same as rows of the product.

Whatever is in an estate bears words of its own, so that an answer that tells of it can be told by its text.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group

from catalog.models import DataProduct, Dataset, Domain, GlossaryTerm
from governance.models import GrantBase
from identity.models import User
from serving.models.version import MODEL_NAMESPACE as MODELS
from tests.governance.policy import oracle

USERS, GROUPS, DOMAINS, DATASETS, JOBS = 4, 3, 5, 6, 6
TAGS = ["pii", "pii.email", "gold", "rare"]
KINDS = ["table", "topic", "fileset", "collection"]
# The one who looks around, by the key of users in the plain world.
VIEWER = 0
# Beside the random datasets: one that the viewer owns, one of which they know that it is there, one that is hidden,
# a model that they own and one that is hidden. Then a table of which they may view the metadata and no more, a hidden one
# in the same namespace, and one that they own, hold a grant on and asked for, which a policy hides from them.
# Only they have files, tiers, sources, pipelines and versions.
MINE, NOTICED, SECRET, MY_MODEL, SECRET_MODEL, DESCRIBED, BESIDE, LOST = range(
    DATASETS, DATASETS + 8
)
# Beside the random domains: one that the viewer stewards, one with nothing in it but what is hidden.
HOME, VAULT = range(DOMAINS, DOMAINS + 2)


@dataclass
class Estate:
    """A world twice: `plain` for the oracle, and its rows by the keys of the plain one."""

    plain: dict[str, Any]
    viewer: dict[str, Any]
    users: dict[int, User] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    domains: dict[int, Domain] = field(default_factory=dict)
    datasets: dict[int, Dataset] = field(default_factory=dict)
    # To another user, on what is the viewer's and on what is hidden.
    grants: dict[int, GrantBase] = field(default_factory=dict)
    # By number: what a job uses, and on what a term is.
    jobs: dict[int | str, set[int]] = field(default_factory=dict)
    terms: dict[int, tuple[GlossaryTerm, set[int]]] = field(default_factory=dict)
    products: dict[int, DataProduct] = field(default_factory=dict)
    # By name: the values that parameters of a URL take.
    values: dict[str, list[str]] = field(default_factory=dict)

    def allowed(self, action: str) -> set[int]:
        """The keys of the datasets to which the viewer may do `action`, as the oracle says."""
        return {
            each["id"]
            for each in self.plain["datasets"]
            if oracle.allowed(self.plain, self.viewer, action, each)
        }

    def shown_domains(self) -> set[int]:
        """The keys of the domains that hold what the viewer may discover, or that they steward, and those above."""
        domains, shown = self.plain["domains"], self.allowed("discover")
        known = {each["domain"] for each in self.plain["datasets"] if each["id"] in shown}
        for key in domains:
            chain = oracle.domain_chain(self.plain, key)
            if any(("user", VIEWER) in domains[each]["stewards"] for each in chain):
                known.add(key)
        return {above for key in known for above in oracle.domain_chain(self.plain, key)}

    def shown_terms(self) -> set[int]:
        """The numbers of the terms of those domains, and of those on what the viewer may view the metadata of."""
        domains = {self.domains[key].pk for key in self.shown_domains()}
        described = self.allowed("view_metadata")
        return {
            number
            for number, (row, bearers) in self.terms.items()
            if row.domain_id in domains or bearers & described
        }

    def named_domains(self) -> set[int]:
        """With those that only a shown term names, since a term is called by its domain and its name; and those above."""
        pks = {self.terms[number][0].domain_id for number in self.shown_terms()}
        named = {key for key, row in self.domains.items() if row.pk in pks}
        return {above for key in named for above in oracle.domain_chain(self.plain, key)}

    def shown_products(self) -> set[int]:
        """The numbers of the products of those domains: the viewer owns none."""
        domains = {self.domains[key].pk for key in self.shown_domains()}
        return {number for number, row in self.products.items() if row.domain_id in domains}

    def names(self, keys: set[int]) -> set[str]:
        """Names of datasets."""
        return {each["name"] for each in self.plain["datasets"] if each["id"] in keys}


def plain_estate(dice: random.Random, *, is_steward: bool) -> Estate:
    """An estate without rows, of which the viewer knows some part; a steward stewards another domain."""
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
    return Estate(_plain_world(dice, is_steward=is_steward), viewer)


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
    for key, steward in ((HOME, VIEWER), (VAULT, 1)):
        domains[key] = {
            "path": word("domain", key),
            "parent": None,
            "owners": [],
            "stewards": [("user", steward)],
        }
    if is_steward:
        domains[DOMAINS - 1]["stewards"].append(("user", VIEWER))
    world: dict[str, Any] = {
        "domains": domains,
        "datasets": [
            *(_plain_dataset(dice, key) for key in range(DATASETS)),
            *_fixed_datasets(),
        ],
    }
    world["grants"] = [_plain_grant(dice) for _ in range(8)]
    world["grants"] += [
        _grant(("user", VIEWER), ("dataset", key), action)
        for key, action in ((NOTICED, "discover"), (DESCRIBED, "view_metadata"), (LOST, "read"))
    ]
    world["policies"] = [_plain_policy(dice, domains) for _ in range(5)]
    world["policies"].append(
        _policy({"tags": [word("tag", LOST)]}, ("deny", ["discover"]), group=0)
    )
    return world


def _plain_dataset(dice: random.Random, key: int) -> dict[str, Any]:
    return {
        "id": key,
        "kind": dice.choice(KINDS),
        "namespace": word("space", key % 4),
        "name": f"{dice.choice(['raw', 'cur'])}-{word('name', key)}",
        "domain": dice.choice([None, *range(DOMAINS)]),
        "owners": [("user", dice.randrange(USERS))] if dice.random() < 0.4 else [],
        "stewards": [],
        "tags": dice.sample([*TAGS, word("tag", key)], dice.randrange(3)),
        "fields": _fields(key, dice.sample(TAGS, dice.randrange(2))),
    }


def _fixed_datasets() -> list[dict[str, Any]]:
    """As the comment of their keys says, whatever the dice."""
    return [
        {
            "id": key,
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "domain": domain,
            "owners": owners,
            "stewards": [],
            "tags": [word("tag", key)],
            "fields": _fields(key, []),
        }
        for key, kind, namespace, name, domain, owners in (
            (MINE, "table", "lakewarden", _table(0, MINE), HOME, [("user", VIEWER)]),
            (NOTICED, "table", "lakewarden", _table(0, NOTICED), None, []),
            (SECRET, "table", "lakewarden", _table(1, SECRET), VAULT, [("user", 1)]),
            (MY_MODEL, "model", MODELS, word("name", MY_MODEL), HOME, [("user", VIEWER)]),
            (SECRET_MODEL, "model", MODELS, word("name", SECRET_MODEL), VAULT, []),
            (DESCRIBED, "table", "lakewarden", _table(0, DESCRIBED), None, [("user", 2)]),
            (BESIDE, "table", "lakewarden", _table(0, BESIDE), VAULT, []),
            (LOST, "table", "lakewarden", _table(0, LOST), None, [("user", VIEWER)]),
        )
    ]


def _table(namespace: int, key: int) -> str:
    return f"{word('level', namespace)}.{word('name', key)}"


def _fields(key: int, tags: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": "region", "type": "string", "tags": tags},
        {"name": word("column", key), "type": "string", "tags": []},
        {"name": "flow", "type": "string", "tags": []},
    ]


def _plain_grant(dice: random.Random) -> dict[str, Any]:
    on_dataset = dice.random() < 0.8
    return _grant(
        dice.choice([("user", 0), ("user", 1), ("group", 0), ("group", 2)]),
        ("dataset", dice.randrange(DATASETS))
        if on_dataset
        else ("domain", dice.randrange(DOMAINS)),
        dice.choice(["discover", "discover", "view_metadata", "read"]),
    )


def _grant(subject: tuple[str, int], target: tuple[str, int], action: str) -> dict[str, Any]:
    return {
        "subject": subject,
        "target": target,
        "action": action,
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
    actions = [dice.choice(["discover", "view_metadata", "read"])]
    return _policy(scope, (right, actions), group=dice.randrange(GROUPS))


def _policy(scope: dict[str, Any], effect: tuple[str, list[str]], *, group: int) -> dict[str, Any]:
    return {
        "scope": scope,
        "effect": effect,
        "subjects": {
            "users": [],
            "groups": [f"group-{group}"],
            "attributes": {},
            "purpose": [],
        },
        "exempt": None,
        "purpose": [],
        "valid_from": None,
        "valid_until": None,
    }
