"""Simulating as a superuser and as a steward: who gains and loses what, replay, findings, publication."""

import pytest
from django.contrib.auth.models import Group

from catalog.models import Field, FieldEdge
from core import audit
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance.models import AuditRecord, Simulation
from governance.policy.errors import PolicyDocumentError
from governance.queries import decide_read, principal_of
from governance.services.audit import record_decision
from governance.services.audit_subjects import erase_audit_subject
from governance.services.simulations import (
    policy_findings,
    publish_simulation,
    start_simulation,
)
from governance.simulation.results import tell_result
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant, make_mask, make_policy, make_world
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


def simulate(world, *changes, by=None, **more):
    reader = principal_of(by or world.superuser)
    row = start_simulation({"changes": list(changes)}, by=reader, **more)
    return row, tell_result(row, reader=reader)


def name(dataset):
    return f"{dataset.namespace}:{dataset.name}"


def test_a_mask_appears_for_each_reader_of_the_field(world):
    make_grant(world.analyst, world.passengers)
    mask = {
        "name": "no-mail",
        "applies_to": {"fields": ["email"], "domain": ["sales"]},
        "effect": {"column_mask": "replace-with-null"},
    }
    row, result = simulate(world, {"put_policy": mask})
    assert row.state == "done"
    assert result["kinds"] == {"mask_appears": 2}
    assert {(each["person"], *each["kinds"].items()) for each in result["people"]} == {
        ("analyst", ("mask_appears", 1)),
        ("owner", ("mask_appears", 1)),
    }
    assert [(each["name"], each["field"], each["kinds"]) for each in result["fields"]] == [
        (name(world.passengers), "email", {"mask_appears": 2})
    ]
    assert [each["domain"] for each in result["domains"]] == ["sales"]
    assert result["samples"][0]["after"]["masks"] == {"email": "replace-with-null"}
    assert (
        "policy `no-mail` masks `email` by replace-with-null"
        in result["samples"][0]["after"]["reasons"]
    )
    assert result["next"] is None


def test_a_tag_upstream_shows_downstream(world):
    make_mask("pii.email", "replace-with-null")
    derived = make_dataset("mart.pay", fields=["mail"], domain=world.sales)
    make_grant(world.analyst, derived)
    FieldEdge.objects.create(
        source=Field.objects.get(dataset=world.salaries, name="amount"),
        target=Field.objects.get(dataset=derived, name="mail"),
    )
    tag = {"tag": "pii.email", "dataset": str(world.salaries.uuid), "field": "amount"}
    _, result = simulate(world, {"put_tag": tag})
    assert [(each["name"], each["field"], each["kinds"]) for each in result["fields"]] == [
        (name(derived), "mail", {"mask_appears": 1})
    ]


def test_a_steward_sees_their_domain_only(world):
    """The tag reaches a dataset of another domain, of which the steward learns nothing."""
    make_mask("pii.email", "replace-with-null")
    derived = make_dataset("mart.mails", fields=["mail"], domain=world.hr)
    make_grant(world.analyst, derived)
    source = make_dataset("raw.mails", fields=["mail"], domain=world.sales)
    make_grant(world.analyst, source)
    ends = [Field.objects.get(dataset=each, name="mail") for each in (source, derived)]
    FieldEdge.objects.create(source=ends[0], target=ends[1])
    tag = {"put_tag": {"tag": "pii.email", "dataset": name(source), "field": "mail"}}
    _, everything = simulate(world, tag)
    assert everything["changed_pairs"] == 2
    _, mine = simulate(world, tag, by=world.steward)
    assert (mine["changed_pairs"], mine["datasets_touched"]) == (1, 1)
    assert [each["name"] for each in mine["datasets"]] == [name(source)]


def test_nobody_simulates_what_they_could_not_do(world):
    tag = {"put_tag": {"tag": "gold", "dataset": name(world.salaries)}}
    missing = {"put_tag": {"tag": "gold", "dataset": "lakewarden:nothing"}}
    words = []
    for change in (tag, missing):
        with pytest.raises(NotFoundError) as caught:
            simulate(world, change, by=world.outsider)
        words.append(str(caught.value))
    assert words == ["there is no such dataset"] * 2
    Group.objects.create(name="analysts")
    with pytest.raises(PermissionDeniedError):
        simulate(
            world, {"add_members": {"group": "analysts", "users": ["steward"]}}, by=world.steward
        )
    assert not Simulation.objects.exists()


def test_a_draft_that_is_not_one_is_told_with_its_place(world):
    with pytest.raises(PolicyDocumentError) as caught:
        simulate(world, {"put_tag": {"tag": "gold"}})
    assert caught.value.pointer == "/changes/0/put_tag"


def test_members_gain_what_their_group_holds(world):
    team = Group.objects.create(name="team")
    make_grant(team, world.salaries)
    _, result = simulate(world, {"add_members": {"group": "team", "users": ["outsider"]}})
    assert result["kinds"]["gain_read"] == 1
    assert [each["person"] for each in result["people"]] == ["outsider"]
    assert [each["name"] for each in result["datasets"]] == [name(world.salaries)]


def record_read(user, dataset, columns=None):
    who = principal_of(user)
    decision = decide_read(who, dataset)
    record_decision(principal=who, dataset=dataset, decision=decision, via="query", columns=columns)


def test_recorded_decisions_are_asked_again(world):
    make_grant(world.analyst, world.passengers)
    robot = make_user("robot", is_service=True)
    make_grant(robot, world.passengers)
    for _ in range(3):
        record_read(world.analyst, world.passengers)
    record_read(robot, world.passengers, columns=["origin"])
    record_read(world.outsider, world.passengers)
    record_read(world.owner, world.salaries)
    leaver = make_user("leaver")
    make_grant(leaver, world.passengers)
    record_read(leaver, world.passengers)
    erase_audit_subject(by=world.superuser, username="leaver", reason="asked")
    deny = {
        "name": "robots-out",
        "applies_to": {"domain": ["sales"]},
        "subjects": {"users": ["robot"]},
        "effect": {"deny": ["read"]},
    }
    mask = {
        "name": "no-mail",
        "applies_to": {"fields": ["email"], "domain": ["sales"]},
        "effect": {"column_mask": "replace-with-null"},
    }
    _, result = simulate(world, {"put_policy": deny}, {"put_policy": mask}, days=2, at_once=True)
    replay = result["replay"]
    assert (replay["records"], replay["erased"], replay["same"]) == (6, 1, 1)
    assert replay["outcomes"] == {"mask_appears": 3, "refused": 1}
    assert replay["services"] == {"refused": 1}
    assert {(each["person"], *each["kinds"].items()) for each in replay["people"]} == {
        ("analyst", ("mask_appears", 3)),
        ("robot", ("refused", 1)),
    }
    ran = AuditRecord.objects.get(action="simulation.run")
    assert payload_of(ran) == {"days": 2, "records": 6, "state": "done"}


def test_loads_of_tables_are_asked_again_for_their_purpose(world):
    make_grant(world.analyst, world.passengers, purpose="study")
    for purpose in ("study", "adverts"):
        audit.record(
            actor="analyst",
            action="table.load",
            resource=world.passengers.node_id,
            payload={"effect": "allow", "purpose": purpose, "reasons": ["a grant"]},
        )
    deny = {
        "name": "no-studies",
        "applies_to": {"domain": ["sales"]},
        "purpose": ["study"],
        "effect": {"deny": ["read"]},
    }
    _, result = simulate(world, {"put_policy": deny}, days=2, at_once=True)
    replay = result["replay"]
    assert (replay["outcomes"], replay["via"]) == ({"refused": 1}, {"iceberg": {"refused": 1}})
    assert (replay["same"], replay["differs_today"]) == (1, 1)


def test_columns_that_were_not_read_do_not_count(world):
    make_grant(world.analyst, world.passengers)
    record_read(world.analyst, world.passengers, columns=["origin"])
    mask = {
        "name": "no-mail",
        "applies_to": {"fields": ["email"], "domain": ["sales"]},
        "effect": {"column_mask": "replace-with-null"},
    }
    _, result = simulate(world, {"put_policy": mask}, days=2, at_once=True)
    assert (result["replay"]["outcomes"], result["replay"]["same"]) == ({}, 1)


def test_publication_makes_the_changes_and_says_whether_facts_moved(world):
    grant = {"give_grant": {"user": "outsider", "dataset": name(world.salaries), "action": "read"}}
    by = principal_of(world.superuser)
    row, result = simulate(world, grant)
    assert result["kinds"]["gain_read"] == 1
    done = publish_simulation(row, by=by)
    assert (done.facts_changed, done.simulation.state) == (False, "published")
    assert decide_read(principal_of(world.outsider), world.salaries).allowed
    with pytest.raises(ConflictError):
        publish_simulation(row, by=by)
    other, _ = simulate(world, {"put_tag": {"tag": "gold", "dataset": name(world.salaries)}})
    make_grant(world.analyst, world.salaries)
    assert publish_simulation(other, by=by).facts_changed is True


def test_a_large_one_waits_for_a_worker(world, monkeypatch):
    monkeypatch.setattr("governance.services.simulations.AT_ONCE", 0)
    from governance.services.simulations import run_simulation

    row, result = simulate(world, {"put_tag": {"tag": "gold", "dataset": name(world.salaries)}})
    assert (row.state, result) == ("waiting", {})
    assert run_simulation(row.pk).state == "done"


def test_flaws_of_policies(world):
    make_mask("nothing.here", "replace-with-null", name="idle")
    scope = {"domain": ["sales"]}
    make_policy({"name": "wide", "applies_to": scope, "effect": {"deny": ["discover"]}})
    make_policy({"name": "open", "applies_to": scope, "effect": {"allow": ["read"]}})
    make_policy(
        {
            "name": "narrow",
            "applies_to": scope,
            "subjects": {"users": ["analyst"]},
            "effect": {"row_filter": "origin = 'EWR'"},
        }
    )
    found = {
        (each["policy"], each["kind"], *each["others"])
        for each in policy_findings(principal_of(world.superuser))
    }
    assert found == {
        ("idle", "dead"),
        ("open", "shadowed", "wide"),
        ("open", "conflicting", "wide"),
        ("narrow", "shadowed", "wide"),
    }
    stewards = policy_findings(principal_of(world.steward))
    assert {(each["policy"], *each["others"]) for each in stewards} == {("narrow", "wide")}


def test_a_result_tells_only_what_the_reader_may_still_know(world):
    make_grant(world.analyst, world.passengers)
    tag = {"put_tag": {"tag": "vip", "dataset": name(world.passengers)}}
    make_policy({"name": "no-vip", "applies_to": {"tags": ["vip"]}, "effect": {"deny": ["read"]}})
    row, result = simulate(world, tag, by=world.steward)
    assert [each["name"] for each in result["datasets"]] == [name(world.passengers)]
    world.sales.stewards.all().delete()
    assert tell_result(row, reader=principal_of(world.steward))["datasets"] == []
