"""Broken glass by the API, by pages, in the admin and on the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from core.clock import utc_now
from governance.auditing.reading import read_record
from governance.models import AuditRecord, BreakGlass, DatasetUserGrant
from governance.queries import decide_read, principal_of
from governance.services.break_glass import break_glass
from identity.models import User
from tests.admin.test_reach import change, changelist
from tests.factories.governance import make_world
from tests.factories.identity import api_client, make_service, page_client

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
URL = "/api/v1/break-glass"
PAGE = "/break-glass/"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def breaking(world) -> BreakGlass:
    return break_glass(world.passengers, by=principal_of(world.superuser), reason="an incident")


def listed(user, **query) -> list[str]:
    return [each["reason"] for each in page_client(user).get(URL, query).json()["items"]]


def test_a_program_of_a_superuser_breaks_and_the_owner_reviews(world):
    body = {"dataset": str(world.passengers.uuid), "reason": "an incident", "minutes": 5}
    for scopes, status in ((["read"], 403), (["read", "write"], 403), (["admin"], 201)):
        made = api_client(world.superuser, scopes=scopes).post(URL, body, **JSON)
        assert (scopes, made.status_code) == (scopes, status)
    told = made.json()
    assert (told["dataset"], told["domain"], told["user"]) == (body["dataset"], None, "root")
    assert (told["is_in_force"], told["is_overdue"], told["verdict"]) == (True, False, "")
    grants = page_client(world.owner).get("/api/v1/grants", {"dataset": body["dataset"]}).json()
    assert told["uuid"] in {each["break_glass"] for each in grants}
    review = f"{URL}/{told['uuid']}/review"
    verdict = {"verdict": "abuse", "comment": "nobody knows of an incident"}
    for user, status in (
        (world.superuser, 403),
        (world.hr_steward, 404),
        (world.owner, 200),
        (world.steward, 409),
    ):
        answer = page_client(user).post(review, verdict, **JSON)
        assert (user.username, answer.status_code) == (user.username, status)
    shown = page_client(world.superuser).get(f"{URL}/{told['uuid']}").json()
    assert (shown["is_in_force"], shown["verdict"], shown["reviewed_by"]) == (
        False,
        "abuse",
        "owner",
    )
    assert not DatasetUserGrant.objects.filter(uuid=told["grant"]).exists()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"minutes": 61}, 400),
        ({"minutes": 0}, 400),
        ({"reason": ""}, 400),
        ({"domain": "sales"}, 400),
        ({"dataset": "00000000-0000-0000-0000-000000000000"}, 404),
    ],
)
def test_what_cannot_be_broken(change, status, world):
    body = {"dataset": str(world.passengers.uuid), "reason": "an incident", **change}
    assert page_client(world.superuser).post(URL, body, **JSON).status_code == status
    assert not BreakGlass.objects.exists()


def test_lists_are_of_what_one_answers_for(world, breaking):
    assert listed(world.superuser) == listed(world.steward) == ["an incident"]
    assert listed(world.hr_steward) == listed(world.analyst) == []
    assert listed(world.superuser, inbox="1") == []
    assert listed(world.owner, inbox="1") == ["an incident"]
    assert listed(world.owner, overdue="1") == []
    BreakGlass.objects.update(review_due_at=utc_now())
    assert (
        listed(world.owner, overdue="1") == listed(world.superuser, overdue="1") == ["an incident"]
    )
    by_domain = {"domain": world.hr.slug, "reason": "a second"}
    assert page_client(world.superuser).post(URL, by_domain, **JSON).status_code == 201
    assert listed(world.hr_steward) == ["a second"]


def test_the_page_breaks_and_closes_the_review(world):
    page = reverse("web:break-glass-new", args=[world.passengers.uuid])
    client = page_client(world.superuser)
    assert page in client.get(reverse("web:dataset", args=[world.passengers.uuid])).content.decode()
    for user, status in ((world.analyst, 403), (world.outsider, 404), (world.superuser, 200)):
        assert page_client(user).get(page).status_code == status
    refused = client.post(page, {"reason": "x", "minutes": "600"})
    assert "from 1 to 60" in refused.content.decode()
    assert client.post(page, {"reason": "an incident", "minutes": "10"}).status_code == 302
    assert decide_read(principal_of(world.superuser), world.passengers).allowed
    row = BreakGlass.objects.get()
    review = reverse("web:break-glass-review", args=[row.uuid])
    assert review not in client.get(PAGE).content.decode()
    assert review in page_client(world.owner).get(PAGE).content.decode()
    verdict = {"verdict": "abuse", "comment": "there was none"}
    for user in (world.superuser, world.hr_steward):
        assert page_client(user).post(review, verdict).status_code == 404
    page_client(world.owner).post(review, {"verdict": "abuse", "comment": ""})
    row.refresh_from_db()
    assert row.verdict == ""
    page_client(world.owner).post(review, verdict)
    row.refresh_from_db()
    assert (row.verdict, row.reviewed_by) == ("abuse", world.owner)
    assert not decide_read(principal_of(world.superuser), world.passengers).allowed


def test_the_admin_shows_a_steward_what_was_broken_of_theirs(world, breaking):
    for user, count, status in (
        (world.steward, 1, 200),
        (world.superuser, 1, 200),
        (world.hr_steward, 0, 302),
    ):
        client = page_client(user)
        assert client.get(changelist(BreakGlass)).context["cl"].queryset.count() == count
        assert client.get(change(breaking)).status_code == status
    assert page_client(world.superuser).post(change(breaking), {"verdict": "x"}).status_code == 403


def test_the_command(world):
    def run(*words: str) -> str:
        out = StringIO()
        call_command("break_glass", *words, stdout=out)
        return out.getvalue().strip()

    name = f"{world.passengers.namespace}:{world.passengers.name}"
    line = run("break", "--dataset", name, "--reason", "an incident", "--by", "root")
    uuid = line.split()[0]
    assert line.endswith("unreviewed: an incident")
    assert run("list", "--by", "steward") == line
    assert run("list", "--by", "steward", "--overdue") == ""
    words = ("review", uuid, "justified", "--comment", "seen")
    with pytest.raises(CommandError, match="nobody reviews their own"):
        run(*words, "--by", "root")
    with pytest.raises(CommandError, match="no such breaking"):
        run(*words, "--by", "hr-steward")
    assert run(*words, "--by", "owner").endswith("justified: an incident")
    run("break", "--domain", world.hr.slug, "--reason", "another", "--by", "root")
    assert decide_read(principal_of(world.superuser), world.salaries).allowed


def test_superusers_say_who_may_besides_them(world):
    path = "/api/v1/users/analyst/break-glass"
    page = reverse("web:break-glass-new", args=[world.passengers.uuid])
    for user, status in ((world.steward, 403), (world.superuser, 204), (world.superuser, 204)):
        assert page_client(user).put(path).status_code == status
    assert page_client(world.analyst).get(page).status_code == 200
    assert page_client(world.superuser).delete(path).status_code == 204
    assert page_client(world.analyst).get(page).status_code == 403
    chosen = {"_selected_action": [world.analyst.pk]}
    for action, status in (("allow", 200), ("disallow", 403)):
        form = {"action": f"{action}_break_glass", **chosen}
        page_client(world.steward).post(changelist(User), form)
        page_client(world.superuser).post(changelist(User), form)
        assert page_client(world.analyst).get(page).status_code == status
    call_command("break_glass", "allow", "analyst", "--by", "root")
    assert page_client(world.analyst).get(page).status_code == 200
    with pytest.raises(CommandError, match="only administrators"):
        call_command("break_glass", "disallow", "analyst", "--by", "steward")
    make_service("robot")
    with pytest.raises(CommandError, match="never breaks the glass"):
        call_command("break_glass", "allow", "robot", "--by", "root")
    records = AuditRecord.objects.filter(action__startswith="glass.").order_by("pk")
    read = [read_record(each) for each in records]
    told = [
        (said.actor, each.action, said.resource) for said, each in zip(read, records, strict=True)
    ]
    once = [("root", f"glass.{verb}", "user:analyst") for verb in ("allow", "disallow")]
    assert told == [*once, *once, once[0]]
