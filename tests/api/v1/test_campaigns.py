"""Re-certification by the API, by pages, in the admin and on the command line."""

import csv
import io
from io import StringIO

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from governance.models import Campaign, CampaignItem, DatasetUserGrant
from tests.admin.test_reach import change, changelist
from tests.factories.governance import make_grant, make_world
from tests.factories.identity import api_client, page_client

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
URL, ITEMS, PAGE = "/api/v1/campaigns", "/api/v1/campaign-items", "/certify/"
BODY = {"name": "yearly", "domain": "sales", "labels": ["pii.*"], "days": 5}


@pytest.fixture
def world():
    world = make_world()
    make_grant(world.analyst, world.passengers, days=900)
    return world


@pytest.fixture
def item(world):
    page_client(world.steward).post(URL, BODY, **JSON)
    return CampaignItem.objects.get(description__action="read")


def statuses(world, ask):
    names = ("owner", "steward", "hr_steward", "analyst", "outsider", "superuser")
    return {name: ask(page_client(getattr(world, name))).status_code for name in names}


def test_who_begins_campaigns_and_sees_them(world):
    made = statuses(world, lambda client: client.post(URL, BODY, **JSON))
    assert made == {
        "owner": 403,
        "steward": 201,
        "hr_steward": 404,
        "analyst": 403,
        "outsider": 404,
        "superuser": 201,
    }
    row = Campaign.objects.get(created_by=world.steward)
    path = f"{URL}/{row.uuid}"
    shown = {**dict.fromkeys(made, 404), "steward": 200, "superuser": 200}
    assert statuses(world, lambda client: client.get(path)) == shown
    for below in ("items", "report"):
        assert statuses(world, lambda client, end=below: client.get(f"{path}/{end}")) == shown
    told = page_client(world.steward).get(path).json()
    assert (told["state"], told["labels"], told["created_by"], told["reviewer"]) == (
        "open",
        ["pii.*"],
        "steward",
        "owner",
    )
    weak = api_client(world.steward, scopes=["read"])
    assert weak.post(URL, BODY, **JSON).status_code == 403


def test_the_owner_decides_by_the_api(world, item):
    assert statuses(world, lambda client: client.get(f"{ITEMS}/{item.uuid}")) == {
        "owner": 200,
        "steward": 200,
        "hr_steward": 404,
        "analyst": 404,
        "outsider": 404,
        "superuser": 200,
    }
    client = page_client(world.owner)
    listed = client.get(ITEMS, {"campaign": str(item.campaign.uuid)}).json()["items"]
    told = next(each for each in listed if each["uuid"] == str(item.uuid))
    assert [each["name"] for each in told["columns"]] == ["name", "email", "origin", "fare"]
    assert (told["holder"], told["usage"]["last_at"], told["suggestion"]["advice"]) == (
        "user:analyst",
        None,
        "",
    )
    narrow = f"{ITEMS}/{item.uuid}/narrow"
    assert client.post(narrow, {"columns": ["salary"]}, **JSON).status_code == 400
    body = {"columns": ["origin", "fare"], "comment": "enough"}
    for user, status in ((world.steward, 403), (world.analyst, 404), (world.owner, 200)):
        answer = page_client(user).post(narrow, body, **JSON)
        assert (user.username, answer.status_code) == (user.username, status)
    assert answer.json()["outcome"]["columns"] == ["fare", "origin"]
    assert DatasetUserGrant.objects.get(uuid=item.grant).columns == ["fare", "origin"]
    for verb in ("keep", "revoke"):
        late = client.post(f"{ITEMS}/{item.uuid}/{verb}", {"comment": "c"}, **JSON)
        assert late.status_code == 409
    assert client.get(ITEMS).json()["items"] == [
        each for each in listed if each["uuid"] != str(item.uuid)
    ]


def test_a_campaign_is_ended_and_reported_by_the_api(world, item):
    client, path = page_client(world.steward), f"{URL}/{item.campaign.uuid}"
    page_client(world.owner).post(f"{ITEMS}/{item.uuid}/revoke", {"comment": "left"}, **JSON)
    assert not DatasetUserGrant.objects.filter(uuid=item.grant).exists()
    rows = client.get(f"{path}/items", {"state": "revoked"}).json()["items"]
    assert [each["comment"] for each in rows] == ["left"]
    assert client.get(f"{path}/items", {"state": "odd"}).status_code == 400
    lines = client.get(f"{path}/report").getvalue().splitlines()
    assert sorted(orjson.loads(each)["state"] for each in lines) == ["open", "revoked"]
    answer = client.get(f"{path}/report", {"as": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert sorted(each["decided_by"] for each in table) == ["", "owner"]
    assert client.get(f"{path}/report", {"as": "pdf"}).status_code == 400
    assert client.post(f"{path}/open").status_code == 409
    assert client.post(f"{path}/close").json()["undecided"] == "revoke"
    assert client.post(f"{path}/cancel", {"comment": "c"}, **JSON).json()["state"] == "cancelled"
    assert client.post(f"{path}/close").status_code == 409


def test_the_page(world, item):
    page = page_client(world.owner).get(PAGE).content.decode()
    assert "analyst may read" in page
    assert "pii.email" in page
    assert page_client(world.steward).get(PAGE).context["count"] == 0
    path = reverse("web:certify-item", args=[item.uuid])
    form = {"verdict": "narrow", "columns": ["origin"], "last_day": "2026-12-24", "comment": "less"}
    for user, status in ((world.outsider, 404), (world.analyst, 404), (world.owner, 302)):
        assert page_client(user).post(path, form).status_code == status
    grant = DatasetUserGrant.objects.get(uuid=item.grant)
    assert (grant.columns, f"{grant.expires_at:%Y-%m-%d %H}") == (["origin"], "2026-12-25 00")
    answer = page_client(world.owner).post(path, {"verdict": "keep"}, follow=True)
    assert "The item is narrowed already" in answer.content.decode()
    assert page_client(world.owner).get("/inbox/").status_code == 200
    report = reverse("web:campaign-report", args=[item.campaign.uuid, "csv"])
    assert statuses(world, lambda client: client.get(report)) == {
        "owner": 404,
        "steward": 200,
        "hr_steward": 404,
        "analyst": 404,
        "outsider": 404,
        "superuser": 200,
    }


def test_the_admin(world):
    add = reverse("admin:governance_campaign_add")
    form = {
        "name": "by hand",
        "domain": "sales",
        "labels": "[]",
        "reviewer": "owner",
        "days": "5",
        "undecided": "extend",
        "grace_days": "7",
        "remind_days": "3",
        "opens_at_0": "2020-01-01",
        "opens_at_1": "00:00:00",
    }
    assert page_client(world.outsider).post(add, form).status_code in (302, 403)
    page_client(world.hr_steward).post(add, form)
    assert not Campaign.objects.exists()
    assert page_client(world.steward).post(add, form).status_code == 302
    row = Campaign.objects.get()
    assert (row.state, row.items.count()) == ("open", 2)
    for user, count, status in (
        (world.steward, 1, 200),
        (world.superuser, 1, 200),
        (world.hr_steward, 0, 302),
    ):
        client = page_client(user)
        assert client.get(changelist(Campaign)).context["cl"].queryset.count() == count
        assert client.get(change(row)).status_code == status
        client.post(changelist(Campaign), {"action": "cancel", "_selected_action": [row.pk]})
        row.refresh_from_db()
        assert (user.username, row.state) == (user.username, "cancelled")


def test_the_command(world):
    def run(*words: str, by: str = "steward") -> str:
        out = StringIO()
        call_command("campaign", "--by", by, *words, stdout=out)
        return out.getvalue().strip()

    line = run("start", "yearly", "--domain", "sales", "--labels", "pii.*", "--days", "5")
    uuid = line.split()[0]
    assert (line.split()[1], line.split()[-1]) == ("open", "yearly")
    assert run("list") == line
    assert run("list", by="owner") == ""
    with pytest.raises(CommandError, match="no such campaign"):
        run("items", uuid, by="owner")
    waiting = run("items", by="owner").splitlines()
    assert len(waiting) == 4
    item = CampaignItem.objects.get(description__action="read")
    with pytest.raises(CommandError, match="no such item"):
        run("keep", str(item.uuid), by="analyst")
    with pytest.raises(CommandError, match="no such item"):
        run("keep", "nonsense", by="owner")
    said = run("narrow", str(item.uuid), "--columns", "origin", "--days", "3", by="owner")
    assert said == f"{item.uuid} narrowed user:analyst read {world.passengers}"
    assert run("report", uuid, "--as", "csv").count("narrowed") == 1
    assert run("close", uuid).split()[1] == "open"
    assert run("cancel", uuid, "--comment", "c").split()[1] == "cancelled"
