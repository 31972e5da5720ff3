"""Suggestions kept, decided and remembered; who sees and decides them."""

import pytest

from catalog.models import FieldTag
from catalog.services.versions import record_version
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance.models import Classification
from governance.queries import principal_of, visible_classifications
from governance.services.classifications import (
    Samples,
    decide_classifications,
    record_suggestions,
)
from tests.factories.audit import audited_by
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.governance import make_grant
from tests.factories.identity import make_actors

pytestmark = pytest.mark.django_db

EMAILS = [f"p{place}@mail.example" for place in range(12)]
FIELDS = [("email", "string"), ("remark", "string"), ("amount", "double")]


@pytest.fixture
def actors():
    return make_actors()


@pytest.fixture
def sales(actors):
    return make_domain("Sales")


@pytest.fixture
def orders(actors, sales):
    return make_dataset("orders", domain=sales, owners=[actors.owner], fields=FIELDS)


def told(rows) -> list[tuple[str, str]]:
    return [(row.field.name, row.label) for row in rows]


def test_suggestions_are_kept_with_their_evidence_and_follow_the_data(orders):
    rows = record_suggestions(orders, samples=Samples(values={"remark": EMAILS}))
    assert told(rows) == [("email", "pii.email"), ("remark", "pii.email")]
    assert rows[1].evidence == ["100 % of 12 sampled values are e-mail addresses"]
    again = record_suggestions(orders, samples=Samples(values={"remark": ["fine"] * 9}))
    assert told(again) == [("email", "pii.email")]
    assert again[0].pk == rows[0].pk
    assert Classification.objects.count() == 1


def test_an_accepted_label_is_on_the_field_and_in_the_audit_log(orders, actors):
    (row,) = record_suggestions(orders, samples=Samples())
    decide_classifications(orders, by=principal_of(actors.owner), accept=[row.uuid])
    tag = FieldTag.objects.get(field__name="email")
    assert (tag.tag.name, tag.source) == ("pii.email", "classified")
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("accepted", actors.owner)
    actions = audited_by(actors.owner.username).order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "classification.accept",
        "tag.create",
        "field.tag",
    ]
    assert record_suggestions(orders, samples=Samples()) == []


def test_a_rejected_name_is_not_suggested_again_in_its_domain(orders, actors, sales):
    (row,) = record_suggestions(orders, samples=Samples())
    decide_classifications(orders, by=principal_of(actors.owner), reject=[row.uuid])
    beside = make_dataset("returns", domain=sales, fields=[("eMail", "string")])
    elsewhere = make_dataset("leads", domain=make_domain("Other"), fields=[("email", "string")])
    assert record_suggestions(orders, samples=Samples()) == []
    # `eMail` is another pair of words than `email`: less sure now, since the domain rejected the label once.
    assert [row.confidence for row in record_suggestions(beside, samples=Samples())] == [0.736]
    assert [row.confidence for row in record_suggestions(elsewhere, samples=Samples())] == [0.769]
    make_dataset("copies", domain=sales, fields=[("email", "string")])
    assert (
        record_suggestions(
            make_dataset("more", domain=sales, fields=[("email", "string")]), samples=Samples()
        )
        == []
    )


def test_a_decision_is_not_turned_around_and_is_of_this_dataset_only(orders, actors):
    (row,) = record_suggestions(orders, samples=Samples())
    owner = principal_of(actors.owner)
    other = make_dataset("other", owners=[actors.owner])
    with pytest.raises(NotFoundError):
        decide_classifications(other, by=owner, accept=[row.uuid])
    decide_classifications(orders, by=owner, accept=[row.uuid])
    with pytest.raises(ConflictError):
        decide_classifications(orders, by=owner, reject=[row.uuid])


def test_only_who_manages_the_dataset_sees_and_decides(orders, actors):
    (row,) = record_suggestions(orders, samples=Samples())
    make_grant(actors.team, orders)
    mate, outsider = principal_of(actors.team_mate), principal_of(actors.outsider)
    assert told(visible_classifications(principal_of(actors.owner))) == [("email", "pii.email")]
    assert list(visible_classifications(mate)) == []
    assert list(visible_classifications(outsider)) == []
    with pytest.raises(PermissionDeniedError):
        decide_classifications(orders, by=mate, accept=[row.uuid])
    with pytest.raises(NotFoundError):
        decide_classifications(orders, by=outsider, accept=[row.uuid])
    row.refresh_from_db()
    assert row.state == "suggested"


def test_a_new_schema_and_the_first_content_ask_for_a_classification(
    orders, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(
        "core.jobs.current_app.send_task", lambda name, **more: sent.append((name, more["kwargs"]))
    )
    schema = [{"name": "email", "type": "string"}]
    for change in ({}, {"snapshot_id": 1}, {"snapshot_id": 2}):
        with django_capture_on_commit_callbacks(execute=True):
            record_version(dataset=orders, schema=schema, **change)
    assert sent == [("query.classify_dataset", {"dataset_id": orders.pk})] * 2
