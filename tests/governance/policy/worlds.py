"""Random worlds as plain dicts, for the oracle, and the same worlds as the kernel's values."""

from datetime import timedelta

from hypothesis import strategies as st

from governance.policy.masks import Mask
from governance.policy.types import (
    Action,
    Allow,
    Deny,
    DomainInfo,
    Facts,
    FieldInfo,
    FilterRows,
    Grant,
    MaskColumns,
    Policy,
    Principal,
    Resource,
    Scope,
    Subject,
    SubjectMatch,
    Target,
)
from tests.governance.policy.oracle import ACTIONS, FILTERS, NOW

USERS, GROUPS, DOMAINS, DATASETS = range(3), range(3), range(5), range(4)
TAGS = ["pii", "pii.email", "pii.card", "public"]
FIELD_TYPES = {
    "region": ["string", "string", "string", "int"],
    "age": ["int", "int", "decimal(9, 2)", "string"],
    "mail": ["string"],
}
PURPOSES = ["fraud", "marketing"]


def some(values, most=2, *, least=0):
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True)


subjects = st.one_of(
    st.tuples(st.just("user"), st.sampled_from(USERS)),
    st.tuples(st.just("group"), st.sampled_from(GROUPS)),
)
holders = st.lists(subjects, max_size=1)
times = st.sampled_from([None, NOW, NOW + timedelta(seconds=1), NOW - timedelta(days=1)])
filters = st.sampled_from(sorted(FILTERS))
usual_filters = st.sampled_from(
    sorted(sql for sql in FILTERS if "((" not in sql and "SELECT" not in sql)
)
some_actions = some(ACTIONS, 2, least=1)

principals = st.fixed_dictionaries(
    {
        "id": st.sampled_from(USERS),
        "groups": some(GROUPS),
        "attributes": st.fixed_dictionaries(
            {},
            optional={
                "region": st.sampled_from(["EU", "US", ["EU"]]),
                "regions": st.sampled_from([["EU", "US"], ["US"], [], "EU"]),
                "level": st.sampled_from(["30", "high"]),
            },
        ),
        "is_superuser": st.sampled_from([False, False, False, True]),
        "is_active": st.sampled_from([True, True, True, False]),
        "purpose": st.sampled_from([None, *PURPOSES]),
        "token": st.one_of(st.none(), st.none(), some_actions),
    }
).map(lambda p: {**p, "username": f"user-{p['id']}"})

matches = st.fixed_dictionaries(
    {
        "users": some([f"user-{u}" for u in USERS], 1),
        "groups": some([f"group-{g}" for g in GROUPS], 1),
        "attributes": st.one_of(st.just({}), st.just({"region": ["EU"]})),
        "purpose": st.just([]),
    }
)
exceptions = st.one_of(
    st.none(),
    st.tuples(matches, some(PURPOSES, 1)).map(lambda pair: {**pair[0], "purpose": pair[1]}),
)


def scopes(domain_count):
    return st.fixed_dictionaries(
        {},
        optional={
            "domain": some([f"path-{d}" for d in [*range(domain_count), 99]]),
            "tags": some([*TAGS, "pii.*"]),
            "kind": some(["table", "topic"], 1),
            "name": some(["raw-*", "cur-*", "*"], 1),
            "field_tags": some([*TAGS, "pii.*"]),
        },
    )


@st.composite
def policies(draw, domain_count):
    kind = draw(st.sampled_from(["allow", "allow", "deny", "row_filter", "column_mask"]))
    scope = draw(scopes(domain_count))
    if kind == "column_mask":
        scope["field_tags"] = draw(some([*TAGS, "pii.*"], least=1))
        what = "replace-with-null"
    else:
        what = draw(usual_filters if kind == "row_filter" else some_actions)
    return {
        "scope": scope,
        "effect": (kind, what),
        "subjects": draw(matches),
        "exempt": draw(exceptions),
        "purpose": draw(some(PURPOSES, 1)),
        "valid_from": draw(times),
        "valid_until": draw(times),
    }


@st.composite
def datasets(draw, key):
    return {
        "id": 100 + key,
        "kind": draw(st.sampled_from(["table", "topic"])),
        "name": draw(st.sampled_from(["raw-a", "cur-b"])) + str(key),
        "domain": draw(st.sampled_from([*DOMAINS, None])),
        "owners": draw(holders),
        "stewards": draw(holders),
        "tags": draw(some(TAGS)),
        "fields": [
            {"name": name, "type": draw(st.sampled_from(types)), "tags": draw(some(TAGS))}
            for name, types in FIELD_TYPES.items()
            if draw(st.sampled_from([True, True, True, False]))
        ],
    }


grants = st.fixed_dictionaries(
    {
        "subject": subjects,
        "target": st.one_of(
            st.tuples(st.just("dataset"), st.sampled_from([100 + d for d in DATASETS])),
            st.tuples(st.just("domain"), st.sampled_from(DOMAINS)),
        ),
        "action": st.sampled_from([*ACTIONS, "read", "read", "read", "read"]),
        "filter": st.one_of(st.none(), filters),
        "columns": st.one_of(st.none(), some([*FIELD_TYPES, "gone"], 2)),
        "purpose": st.sampled_from([None, None, *PURPOSES]),
        "expires_at": times,
    }
)


@st.composite
def worlds(draw):
    domains = {
        key: {
            "path": f"path-{key}",
            "parent": draw(st.sampled_from([None, *range(key)])),
            "stewards": draw(holders),
            "owners": draw(holders),
        }
        for key in DOMAINS
    }
    return {
        "domains": domains,
        "grants": draw(st.lists(grants, max_size=6)),
        "policies": draw(st.lists(policies(len(DOMAINS)), max_size=5)),
        "datasets": [draw(datasets(key)) for key in DATASETS],
    }


def as_principal(given):
    return Principal(
        id=given["id"],
        username=given["username"],
        groups=frozenset(given["groups"]),
        group_names=frozenset(f"group-{g}" for g in given["groups"]),
        attributes=given["attributes"],
        is_superuser=given["is_superuser"],
        is_active=given["is_active"],
        purpose=given["purpose"],
        actions=None if given["token"] is None else frozenset(map(Action, given["token"])),
    )


def as_resource(world, given):
    path, domain = [], given["domain"]
    while domain is not None:
        path.insert(0, domain)
        domain = world["domains"][domain]["parent"]
    return Resource(
        id=given["id"],
        namespace="lake",
        name=given["name"],
        kind=given["kind"],
        domain_path=tuple(path),
        owners=_subjects(given["owners"]),
        stewards=_subjects(given["stewards"]),
        tags=frozenset(given["tags"]),
        fields=tuple(
            FieldInfo(place, each["name"], each["type"], frozenset(each["tags"]))
            for place, each in enumerate(given["fields"])
        ),
    )


def as_facts(world):
    return Facts(
        now=NOW,
        grants=tuple(
            Grant(
                id=place,
                subject=Subject(*each["subject"]),
                target=Target(*each["target"]),
                action=Action(each["action"]),
                row_filter=each["filter"],
                columns=None if each["columns"] is None else frozenset(each["columns"]),
                purpose=each["purpose"],
                expires_at=each["expires_at"],
            )
            for place, each in enumerate(world["grants"])
        ),
        policies=tuple(_policy(place, each) for place, each in enumerate(world["policies"])),
        domains={
            key: DomainInfo(
                key,
                each["path"],
                each["parent"],
                owners=_subjects(each["owners"]),
                stewards=_subjects(each["stewards"]),
            )
            for key, each in world["domains"].items()
        },
    )


def _subjects(given):
    return frozenset(Subject(*each) for each in given)


def _policy(key, given):
    scope = given["scope"]
    return Policy(
        id=key,
        name=f"policy-{key}",
        version=1,
        scope=Scope(
            domains=tuple(scope.get("domain", ())),
            tags=tuple(scope.get("tags", ())),
            kinds=tuple(scope.get("kind", ())),
            names=tuple(scope.get("name", ())),
            field_tags=tuple(scope.get("field_tags", ())),
        ),
        effect=_effect(*given["effect"]),
        subjects=_match(given["subjects"]),
        exempt=None if given["exempt"] is None else _match(given["exempt"]),
        purposes=frozenset(given["purpose"]),
        valid_from=given["valid_from"],
        valid_until=given["valid_until"],
    )


def _effect(kind, what):
    if kind == "row_filter":
        return FilterRows(what)
    if kind == "column_mask":
        return MaskColumns(Mask(what))
    actions = frozenset(map(Action, what))
    return Allow(actions) if kind == "allow" else Deny(actions)


def _match(given):
    return SubjectMatch(
        users=frozenset(given["users"]),
        groups=frozenset(given["groups"]),
        attributes={name: frozenset(values) for name, values in given["attributes"].items()},
        purposes=frozenset(given["purpose"]),
    )


def focused(world):
    """The same world bent so that one user reads: every grant is theirs, every policy bears on every dataset.

    In free worlds few reads are allowed, and the finer points of obligations would hardly ever be met.
    """
    return {
        **world,
        "datasets": [{**each, "domain": 0, "owners": []} for each in world["datasets"]],
        "grants": [
            {
                **each,
                "subject": ("user", 0),
                "target": ("domain", 0) if each["target"][0] == "domain" else each["target"],
                "action": "read",
                "filter": each["filter"] or ("region = 'EU'" if place % 3 else None),
                "columns": each["columns"] or (["mail", "age"] if place % 2 else None),
                "expires_at": None,
                "purpose": None,
            }
            for place, each in enumerate(world["grants"])
        ],
        "policies": [
            {
                **each,
                "scope": {k: v for k, v in each["scope"].items() if k == "field_tags"},
                "effect": _narrowing(each["effect"], len(world["grants"]) + place),
                "subjects": {"users": [], "groups": [], "attributes": {}, "purpose": []},
                "exempt": None,
                "valid_from": None,
                "valid_until": None,
            }
            for place, each in enumerate(world["policies"][:2])
        ],
    }


def _narrowing(effect, number):
    """Rights become row filters, one or the other of them; filters and masks stay."""
    kind, _ = effect
    narrow = sorted(sql for sql in FILTERS if "((" not in sql and "SELECT" not in sql)
    return ("row_filter", narrow[number % len(narrow)]) if kind in ("allow", "deny") else effect


reading_worlds = worlds().map(focused)
readers = principals.map(
    lambda p: {
        **p,
        "id": 0,
        "username": "user-0",
        "is_active": True,
        "is_superuser": False,
        "token": None,
    }
)
cases = st.one_of(st.tuples(worlds(), principals), st.tuples(reading_worlds, readers))
