"""Questions about the past, by service, API, page and command: what they answer, to whom, and that they are recorded."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Field, FieldEdge, FieldTag
from catalog.services.datasets import move_to_domain
from core.errors import InvalidInputError, NotFoundError, PermissionDeniedError
from governance.models import AuditRecord, HistoryBeginning
from governance.policy.types import Action
from governance.queries import decide_read, principal_of
from governance.services.audit import record_decision
from governance.services.audit_subjects import erase_audit_subject
from governance.services.history import (
    Window,
    ask_changes,
    ask_could_see,
    ask_reads,
    ask_who_could,
)
from tests.factories.audit import payload_of
from tests.factories.catalog import make_dataset, make_domain, make_tag
from tests.factories.governance import make_grant, make_mask
from tests.factories.identity import api_client, make_group, make_user, page_client
from tests.governance.history.replay import event_models

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
MARCH, APRIL, MAY = NOW - 60 * DAY, NOW - 30 * DAY, NOW - 10 * DAY


def date(at):
    """What this test wrote so far was written at `at`."""
    with connection.cursor() as cursor:
        for model in event_models().values():
            cursor.execute(
                f"UPDATE {model._meta.db_table} SET pgh_created_at = %s WHERE pgh_created_at = now()",
                [at],
            )


class Past:
    """In March ann may read `people`; in April her group loses it and a mask comes; in May the dataset moves."""

    def __init__(self):
        self.auditor = make_user("auditor", groups=["auditors"])
        self.owner = make_user("owner")
        self.crew = make_group("crew")
        self.ann = make_user("ann", groups=[self.crew])
        self.bob = make_user("bob")
        self.eve = make_user("eve")
        self.home, self.away = make_domain("home"), make_domain("away")
        self.people = make_dataset(
            "raw.people",
            domain=self.home,
            owners=[self.owner],
            fields=[("id", "long"), ("mail", "string"), ("region", "string")],
        )
        self.grant = make_grant(self.crew, self.people, days=300)
        make_grant(self.bob, self.people, row_filter="region = 'EWR'", columns=["id", "mail"])
        date(MARCH)
        self.ann.groups.clear()
        make_mask("pii.email", "replace-with-null", name="hide-mail")
        FieldTag.objects.create(
            field=self.people.fields.get(name="mail"), tag=make_tag("pii.email")
        )
        date(APRIL)


@pytest.fixture
def past():
    return Past()


def people(answer):
    return [
        (each["user"], each["then"]["effect"], each["hindsight"]["effect"], each["differs"])
        for each in answer["items"]
    ]


def columns(decision):
    return {each["name"]: each["mask"] for each in decision["columns"]}


def test_who_could_in_march_and_in_april(past):
    by = principal_of(past.auditor)
    march = ask_who_could(past.people.uuid, by=by, at=MARCH + DAY)
    assert people(march) == [
        ("owner", "allow", "allow", False),
        ("ann", "allow", "allow", False),
        ("bob", "allow", "allow", False),
    ]
    ann, bob = march["items"][1:]
    assert [(each["kind"], each["id"]) for each in ann["then"]["reasons"]] == [
        ("grant", str(past.grant.uuid))
    ]
    assert columns(ann["then"]) == {"id": None, "mail": None, "region": None}
    assert bob["then"]["row_filter"] == "(\"region\" = 'EWR')"
    assert columns(bob["then"]) == {"id": None, "mail": None}
    april = ask_who_could(past.people.uuid, by=by, at=APRIL + DAY)
    assert [each["user"] for each in april["items"]] == ["owner", "bob"]
    assert columns(april["items"][0]["then"]) == {
        "id": None,
        "mail": "replace-with-null",
        "region": None,
    }
    assert (april["name"], april["existed"]) == ("lakewarden:raw.people", True)
    before = ask_who_could(past.people.uuid, by=by, at=MARCH - DAY)
    assert (before["items"], before["existed"], before["name"]) == ([], False, None)


def test_hindsight_takes_a_label_that_came_later_by_lineage_told_late(past):
    """In April it became known that mails had flowed to `copies` since March, and that mails are personal."""
    copies = make_dataset("mart.copies", fields=[("note", "string")], owners=[past.owner])
    date(MARCH)
    mail, note = past.people.fields.get(name="mail"), copies.fields.get(name="note")
    FieldEdge.objects.create(source=mail, target=note, valid_from=MARCH, type="DIRECT")
    date(MAY)
    asked = {"by": principal_of(past.auditor), "username": "owner", "field": "note"}
    then = ask_could_see(copies.uuid, at=APRIL + DAY, **asked)
    assert then["differs"] is True
    assert then["field"] == {
        "name": "note",
        "existed": True,
        "then": {"shown": True, "mask": None, "visible_when": None},
        "hindsight": {"shown": True, "mask": "replace-with-null", "visible_when": None},
    }
    assert then["labels"] == [
        {
            "field": "note",
            "tag": "pii.email",
            "then": False,
            "hindsight": True,
            "steps": [
                {"dataset": "lakewarden:raw.people", "field": "mail"},
                {"dataset": "lakewarden:mart.copies", "field": "note"},
            ],
        }
    ]
    # before the mask was published it masked nothing, whatever is known of the data today
    march = ask_could_see(copies.uuid, at=MARCH + DAY, **asked)
    assert (march["differs"], march["labels"][0]["hindsight"]) == (False, True)
    # and once it was told, both say the same
    may = ask_could_see(copies.uuid, at=MAY + DAY, **asked)
    assert (may["differs"], may["field"]["then"]["mask"]) == (False, "replace-with-null")


def test_what_people_did_is_not_undone_by_hindsight(past):
    past.grant.delete()
    answer = ask_could_see(
        past.people.uuid, by=principal_of(past.auditor), username="ann", at=MARCH + DAY
    )
    assert (answer["then"]["effect"], answer["hindsight"]["effect"]) == ("allow", "allow")


def test_a_row_is_asked_for_by_its_values(past):
    asked = {"by": principal_of(past.auditor), "username": "bob", "at": MARCH + DAY}
    seen = ask_could_see(past.people.uuid, row={"id": 7, "mail": "x", "region": "EWR"}, **asked)
    assert seen["row"]["then"] == {
        "shown": True,
        "columns": {"id": {"shown": True, "mask": None}, "mail": {"shown": True, "mask": None}},
    }
    hidden = ask_could_see(past.people.uuid, row={"region": "JFK"}, **asked)
    assert hidden["row"]["then"] == {"shown": False, "columns": {}}
    for row, words in (
        ({"id": 7}, "`row` must hold `region`, which a row filter reads"),
        ({"salary": 7}, "`row` names `salary`, which the dataset did not have"),
        ({"id": "x", "region": "EWR"}, "`row` holds a value that is not of its column's type"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            ask_could_see(past.people.uuid, row=row, **asked)
    assert "x" not in orjson.dumps(payload_of(AuditRecord.objects.last())).decode()


def test_a_question_is_recorded_and_erasable(past):
    ask_could_see(past.people.uuid, by=principal_of(past.auditor), username="bob", field="id")
    record = AuditRecord.objects.get(action="history.ask")
    payload = payload_of(record)
    assert record.resource == past.people.node_id
    assert (payload["question"], payload["user"], payload["field"]) == ("could-see", "bob", "id")
    erase_audit_subject(by=past.auditor, username="bob", reason="asked for")
    assert payload_of(record) is None


def test_who_is_gone_is_named_no_more_once_erased(past):
    ask_could_see(past.people.uuid, by=principal_of(past.auditor), username="ann")
    past.ann.delete()
    date(MAY)
    done = erase_audit_subject(by=past.auditor, username="ann", reason="asked for")
    march = ask_who_could(past.people.uuid, by=principal_of(past.auditor), at=MARCH + DAY)
    assert [each["user"] for each in march["items"]] == ["owner", done.pseudonyms[0], "bob"]


def test_what_changed(past):
    asked = {"by": principal_of(past.auditor)}
    window = Window(since=MARCH + DAY, until=MAY)
    changes = ask_changes(past.people.uuid, window=window, **asked)["items"]
    assert [(each["kind"], each["change"]) for each in changes] == [
        ("field tag", "made"),
        ("policy", "made"),
        ("policy", "changed"),
        ("membership", "removed"),
    ]
    assert changes[0]["values"]["tag"] == "pii.email"
    assert changes[0]["values"]["field"] == "lakewarden:raw.people mail"
    assert (changes[2]["before"]["status"], changes[2]["values"]["status"]) == (
        "draft",
        "published",
    )
    assert changes[3]["values"] == {"user": "ann", "group": "crew"}
    only = ask_changes(past.people.uuid, window=Window(MARCH + DAY, MAY, username="bob"), **asked)
    assert [each["kind"] for each in only["items"]] == ["field tag", "policy", "policy"]


def test_changes_come_in_pages(past):
    asked = {"by": principal_of(past.auditor)}
    whole = ask_changes(past.people.uuid, window=Window(MARCH - DAY, limit=500), **asked)["items"]
    found, after = [], None
    while True:
        window = Window(MARCH - DAY, after=after, limit=3)
        page = ask_changes(past.people.uuid, window=window, **asked)
        assert 1 <= len(page["items"]) <= 3
        found += page["items"]
        after = page["next"]
        if after is None:
            break
    assert found == whole
    assert len(whole) > 8


def test_who_did_read_under_any_name_of_the_dataset(past):
    principal = principal_of(past.bob)
    decision = decide_read(principal, past.people)
    record_decision(principal=principal, dataset=past.people, decision=decision, via="query")
    past.people.name = "raw.persons"
    past.people.save()
    reads = ask_reads(past.people.uuid, by=principal_of(past.auditor), window=Window(NOW - DAY))
    assert [(each["user"], each["action"]) for each in reads["items"]] == [("bob", "data.read")]
    seen = reads["items"][0]["seen"]
    assert (seen["via"], seen["columns"], seen["masked"]) == (
        "query",
        ["id", "mail"],
        {"mail": "replace-with-null"},
    )
    other = Window(NOW - DAY, username="ann")
    assert ask_reads(past.people.uuid, by=principal_of(past.auditor), window=other)["items"] == []


@pytest.mark.django_db(transaction=True)
def test_a_change_tells_who_made_it():
    steward = make_user("steward")
    home = make_domain("home", stewards=[steward])
    away = make_domain("away", stewards=[steward])
    dataset = make_dataset("raw.a", domain=home, owners=[steward])
    since = datetime.now(UTC)
    move_to_domain(dataset, domain=away, actor="steward")
    root = principal_of(make_user("root", is_superuser=True))
    changes = ask_changes(dataset.uuid, by=root, window=Window(since))["items"]
    assert [(each["kind"], each["by"], each["actions"]) for each in changes] == [
        ("dataset", ["steward"], ["dataset.move"])
    ]
    assert (changes[0]["before"]["domain"], changes[0]["values"]["domain"]) == ("home", "away")


def test_who_manages_asks_and_knows_no_more_people_than_before(past):
    owner = principal_of(past.owner)
    march = ask_who_could(past.people.uuid, by=owner, at=MARCH + DAY)
    # ann could by her group, whose members the owner does not know
    assert [each["user"] for each in march["items"]] == ["owner", None, "bob"]
    with pytest.raises(NotFoundError, match="there was no user `ann`"):
        ask_could_see(past.people.uuid, by=owner, username="ann", at=MARCH + DAY)
    with pytest.raises(NotFoundError, match="there was no user `nobody`"):
        ask_could_see(past.people.uuid, by=owner, username="nobody", at=MARCH + DAY)
    changes = ask_changes(past.people.uuid, by=owner, window=Window(MARCH + DAY, MAY))["items"]
    assert changes[-1]["values"] == {"user": None, "group": "crew"}
    assert all("document" not in each["values"] for each in changes)


@pytest.mark.parametrize("name", ["bob", "eve"])
def test_nobody_else_asks(past, name):
    asker = principal_of(getattr(past, name))
    expected = PermissionDeniedError if name == "bob" else NotFoundError
    for ask in (
        lambda: ask_who_could(past.people.uuid, by=asker),
        lambda: ask_could_see(past.people.uuid, by=asker, username=name),
        lambda: ask_reads(past.people.uuid, by=asker, window=Window(MARCH)),
        lambda: ask_changes(past.people.uuid, by=asker, window=Window(MARCH)),
    ):
        with pytest.raises(expected):
            ask()
    assert not AuditRecord.objects.filter(action="history.ask").exists()


def test_a_deleted_dataset_is_asked_about_by_auditors_only(past):
    past.people.deleted_at = NOW
    past.people.save()
    answer = ask_who_could(past.people.uuid, by=principal_of(past.auditor), at=MARCH + DAY)
    assert [each["user"] for each in answer["items"]] == ["owner", "ann", "bob"]
    with pytest.raises(NotFoundError):
        ask_who_could(past.people.uuid, by=principal_of(past.owner), at=MARCH + DAY)


def test_times_that_cannot_be_asked_for(past):
    by = principal_of(past.auditor)
    with pytest.raises(InvalidInputError, match="`at` must not lie in the future"):
        ask_who_could(past.people.uuid, by=by, at=NOW + DAY)
    with pytest.raises(InvalidInputError, match="`from` must lie before `to`"):
        ask_reads(past.people.uuid, by=by, window=Window(APRIL, MARCH))


def test_the_answer_says_since_when_the_history_is_whole(past):
    by = principal_of(past.auditor)
    HistoryBeginning.objects.create(installed_at=MARCH, complete_since=APRIL)
    march = ask_who_could(past.people.uuid, by=by, at=MARCH + DAY)["history"]
    assert march == {"installed_at": MARCH, "complete_since": APRIL, "is_complete": False}
    assert ask_who_could(past.people.uuid, by=by, at=APRIL)["history"]["is_complete"] is True


def test_by_api(past):
    client, url = api_client(past.auditor), f"/api/v1/catalog/datasets/{past.people.uuid}/history"
    at = (MARCH + DAY).isoformat()
    first = client.get(f"{url}/access", {"at": at, "page_size": 2}).json()
    assert [each["user"] for each in first["items"]] == ["owner", "ann"]
    rest = client.get(
        f"{url}/access", {"at": at, "page_size": 2, "cursor": first["next_cursor"]}
    ).json()
    assert ([each["user"] for each in rest["items"]], rest["next_cursor"]) == (["bob"], None)
    question = {"user": "ann", "at": at, "field": "mail", "row": {"region": "EWR"}}
    told = client.post(f"{url}/questions", question, content_type="application/json").json()
    assert (told["then"]["effect"], told["row"]["then"]["shown"]) == ("allow", True)
    changes = client.get(f"{url}/changes", {"from": at, "page_size": 1}).json()
    assert len(changes["items"]) == 1
    assert client.get(f"{url}/reads", {"from": at}).json()["items"] == []
    assert client.get(f"{url}/reads").json()["detail"] == "`from` must say since when"
    assert client.get(f"{url}/access", {"at": "yesterday"}).status_code == 400
    assert client.get(f"{url}/access", {"action": "fly"}).status_code == 400
    assert client.get(f"{url}/access", {"cursor": "WyJhIl0"}).status_code == 400
    assert client.get(f"{url}/changes", {"from": at, "cursor": "MQ"}).status_code == 400
    for other, status in ((past.bob, 403), (past.eve, 404)):
        assert api_client(other).get(f"{url}/access").status_code == status
    weak = api_client(past.auditor, scopes=("lineage",))
    assert weak.get(f"{url}/access").status_code == 403


def test_by_page(past):
    url = f"/datasets/{past.people.uuid}/history/"
    at = (MARCH + DAY).strftime("%Y-%m-%dT%H:%M")
    client = page_client(past.auditor)
    text = client.get(url, {"at": at}).content.decode()
    assert '<th scope="row">ann</th><td>allow</td>' in text
    changed = client.get(url, {"about": "changes", "from": at}).content.decode()
    assert "user: <code>ann</code>, group: <code>crew</code>" in changed
    assert client.get(url, {"about": "reads", "from": at}).status_code == 200
    assert "must be an instant" in client.get(url, {"at": "soon"}).content.decode()
    owner = page_client(past.owner)
    link = f'href="{url}">The past</a>'
    assert link in owner.get(f"/datasets/{past.people.uuid}/").content.decode()
    assert link not in page_client(past.bob).get(f"/datasets/{past.people.uuid}/").content.decode()
    assert page_client(past.bob).get(url).status_code == 403
    assert page_client(past.eve).get(url).status_code == 404


def test_by_command(past, capsys):
    at = (MARCH + DAY).isoformat()
    node = "lakewarden:raw.people"
    call_command("history", "access", node, "--by", "auditor", "--at", at)
    answer = orjson.loads(capsys.readouterr().out)
    assert [each["user"] for each in answer["items"]] == ["owner", "ann", "bob"]
    call_command("history", "could", node, "--by", "auditor", "--user", "ann", "--at", at)
    assert orjson.loads(capsys.readouterr().out)["then"]["effect"] == "allow"
    call_command("history", "changes", node, "--by", "auditor", "--from", at, "--limit", "2")
    assert len(orjson.loads(capsys.readouterr().out)["items"]) == 2
    with pytest.raises(CommandError, match="needs --from"):
        call_command("history", "reads", node, "--by", "auditor")
    with pytest.raises(CommandError, match="there is no dataset"):
        call_command("history", "access", node, "--by", "eve")


def test_queries_do_not_grow_with_people_or_columns(past):
    by = principal_of(past.auditor)

    def count():
        with CaptureQueriesContext(connection) as asked:
            ask_who_could(past.people.uuid, by=by, at=MARCH + DAY, action=Action.READ)
        return len(asked)

    def grow(places):
        for place in places:
            past.crew.user_set.add(make_user(f"more{place}"))
            Field.objects.create(dataset=past.people, name=f"more{place}", type="string")
            make_grant(make_group(f"more{place}"), past.people)
        date(MARCH)

    grow([0])
    count()
    before = count()
    grow([1, 2, 3])
    assert count() == before
