"""Policy documents: what is read, what is refused and where, and that the published schema says the same."""

import jsonschema
import pytest

from governance.policy.documents import (
    dump_documents,
    json_schema,
    load_documents,
    parse_policy,
    read_policy,
)
from governance.policy.errors import PolicyDocumentError
from governance.policy.types import Action, Deny, FilterRows, MaskColumns, Scope, SubjectMatch

FULL = """
name: region-of-analysts
description: Analysts see their own region.
applies_to:
  domain: [travel/passengers]
  tags: [pii.*]
  kind: table
  name: "curated.*"
  namespace: "lake*"
  field_tags: pii.email
subjects:
  groups: [analysts]
  attributes: {employed: true, level: [2, 3]}
except:
  users: [olga]
  purpose: [fraud]
purpose: [delays]
valid: {from: 2026-01-31T00:00:00Z, until: "2027-01-31T00:00:00+01:00"}
effect:
  row_filter: region = principal.region
"""
LEAST = {"name": "p", "applies_to": {"name": "*"}, "effect": {"deny": "read"}}


def test_a_full_document():
    policy = parse_policy(load_documents(FULL)[0], policy_id=7, version=3)
    assert (policy.id, policy.version, policy.name) == (7, 3, "region-of-analysts")
    assert policy.scope == Scope(
        domains=("travel/passengers",),
        tags=("pii.*",),
        kinds=("table",),
        names=("curated.*",),
        namespaces=("lake*",),
        field_tags=("pii.email",),
    )
    assert policy.subjects == SubjectMatch(
        groups=frozenset({"analysts"}),
        attributes={"employed": frozenset({"true"}), "level": frozenset({"2", "3"})},
    )
    assert policy.exempt == SubjectMatch(users=frozenset({"olga"}), purposes=frozenset({"fraud"}))
    assert policy.effect == FilterRows("region = principal.region")
    assert policy.purposes == {"delays"}
    assert (policy.valid_from.isoformat(), policy.valid_until.isoformat()) == (
        "2026-01-31T00:00:00+00:00",
        "2027-01-31T00:00:00+01:00",
    )


def test_the_least_document():
    assert parse_policy(LEAST).effect == Deny(frozenset({Action.READ}))


def test_documents_come_back_as_they_were():
    documents = [*load_documents(FULL), LEAST]
    assert load_documents(dump_documents(documents)) == documents


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"colour": "red"}, ""),
        ({"name": ""}, "/name"),
        ({"name": "with space"}, "/name"),
        ({"applies_to": {}}, "/applies_to"),
        ({"applies_to": {"tag": "x"}}, "/applies_to"),
        ({"applies_to": {"tags": []}}, "/applies_to/tags"),
        ({"applies_to": {"tags": [1]}}, "/applies_to/tags/0"),
        ({"applies_to": "everything"}, "/applies_to"),
        ({"subjects": {"user": "ann"}}, "/subjects"),
        ({"subjects": {"attributes": {"region": []}}}, "/subjects/attributes/region"),
        ({"subjects": {"attributes": {"region": {"a": 1}}}}, "/subjects/attributes/region"),
        ({"subjects": {"attributes": {"region": ["a", {"b": 1}]}}}, "/subjects/attributes/region"),
        ({"subjects": {"attributes": {1: "a"}}}, "/subjects/attributes"),
        ({"subjects": ["users"]}, "/subjects"),
        ({"except": {}}, "/except"),
        ({"valid": {"from": "yesterday"}}, "/valid/from"),
        ({"valid": {"until": "2026-01-31T00:00:00"}}, "/valid/until"),
        ({"effect": {}}, "/effect"),
        ({"effect": {"allow": "read", "deny": "read"}}, "/effect"),
        ({"effect": {"allow": "look"}}, "/effect/allow"),
        ({"effect": {"allow": []}}, "/effect/allow"),
        ({"effect": {"row_filter": "1 +"}}, "/effect/row_filter"),
        ({"effect": {"column_mask": "show-last-4"}}, "/applies_to"),
        ({"effect": {"column_mask": "blur"}, "applies_to": {"fields": "a"}}, "/effect/column_mask"),
        ({"applies_to": {"fields": "a"}}, "/applies_to/fields"),
        ({"description": "a\0b"}, "/description"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change, pointer):
    with pytest.raises(PolicyDocumentError) as caught:
        parse_policy(LEAST | change)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("key", ["name", "applies_to", "effect"])
def test_what_is_missing_is_told(key):
    with pytest.raises(PolicyDocumentError, match=f"`{key}` is missing"):
        parse_policy({name: value for name, value in LEAST.items() if name != key})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "aliases are not allowed"),
        ("name: a\nname: b", "`name` is given twice"),
        ("- a\n- b", "expected a mapping"),
        ("a: [", "not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML"),
        ("x: " + "a" * 300_000, "expected 262144 bytes or less"),
        ("[" * 3000, "not YAML"),
    ],
)
def test_yaml_that_surprises_is_refused(text, message):
    with pytest.raises(PolicyDocumentError, match=message):
        load_documents(text)


def test_a_stored_document_that_cannot_be_read_becomes_a_policy_that_denies():
    policy = read_policy({"name": "p"}, name="p", policy_id=1, version=2)
    assert (policy.name, policy.version, policy.error) == (
        "p",
        2,
        "`applies_to` is missing (at `/`)",
    )


def test_the_schema_accepts_what_is_accepted_and_is_a_schema():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for document in (*load_documents(FULL), LEAST):
        jsonschema.validate(document, schema)
    masked = LEAST | {"applies_to": {"fields": "a"}, "effect": {"column_mask": "show-last-4"}}
    jsonschema.validate(masked, schema)
    assert parse_policy(masked).effect == MaskColumns("show-last-4")


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"name": "with space"},
        {"applies_to": {}},
        {"applies_to": {"tag": "x"}},
        {"except": {}},
        {"effect": {}},
        {"effect": {"allow": "look"}},
        {"effect": {"column_mask": "blur"}},
    ],
)
def test_the_schema_refuses_what_is_refused(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(LEAST | change, json_schema())
