"""Labels that reach what is read, and filters that no longer fit: found after the commit, told, settled."""

import pytest
from django.core.management import call_command

from catalog.models import Dataset, FieldEdge, FieldTag, Tag
from catalog.services.fields import read_schema, sync_fields
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from governance.auditing.reading import read_record
from governance.models import AuditRecord, Declassification, ReviewItem, ReviewMark
from governance.queries import decide_read, principal_of
from governance.services.filter_reviews import review_filters
from governance.services.label_reviews import review_labels
from governance.services.reviews import resolve_review
from governance.tasks import raise_reviews_task
from tests.factories.catalog import make_dataset
from tests.factories.governance import make_grant, make_policy, make_world
from tests.factories.identity import api_client, page_client

# What the log of facts tells is read across transactions, and other tests commit beside these.
pytestmark = pytest.mark.django_db(transaction=True)
JSON = {"content_type": "application/json"}


@pytest.fixture
def world():
    found = make_world()
    raise_reviews_task()
    return found


@pytest.fixture
def mart(world):
    """A dataset of another domain, two steps below `email`, that the analyst reads."""
    dataset = make_dataset("mart.mails", fields=[("mail", "string")], domain=world.hr)
    make_grant(world.analyst, dataset)
    return dataset


def derive(source, target):
    return FieldEdge.objects.create(source=source, target=target, type="DIRECT")


@pytest.fixture
def chain(world, mart):
    """`email` → `address` of a dataset that nobody reads → `mail`."""
    between = make_dataset("staging.addresses", fields=[("address", "string")])
    way = [world.passengers.fields.get(name="email"), between.fields.get(), mart.fields.get()]
    derive(way[1], way[2])
    assert review_labels() == 0
    return way


def unsettled():
    rows = ReviewItem.objects.exclude(state="resolved").order_by("pk")
    return [(row.kind, row.dataset.name, row.key) for row in rows]


def test_an_edge_that_carries_a_label_to_readers_raises_one_review(world, mart, chain):
    derive(chain[0], chain[1])
    assert (review_labels(), review_labels()) == (1, 0)
    assert unsettled() == [("label-reach", "mart.mails", "pii.email")]
    assert ReviewItem.objects.get().evidence == {
        "tag": "pii.email",
        "fields": [{"field": "mail", "way": [each.pk for each in chain]}],
        "more_fields": 0,
        "readers": {"grants": 1, "owners": 0, "policies": 0},
    }
    assert AuditRecord.objects.filter(action="review.raise").values_list(
        "actor", "resource"
    ).get() == ("system", mart.node_id)


def tag(field, name):
    return FieldTag.objects.create(field=field, tag=Tag.objects.get_or_create(name=name)[0])


def test_a_tag_upstream_that_travels_to_readers_raises_one_review(world, mart, chain):
    derive(chain[0], chain[1])
    review_labels()
    tag(chain[0], "pii.contact")
    assert (review_labels(), review_labels()) == (1, 0)
    assert unsettled()[1:] == [("label-reach", "mart.mails", "pii.contact")]
    told = ReviewItem.objects.get(key="pii.contact").evidence
    assert told["fields"] == [{"field": "mail", "way": [each.pk for each in chain]}]
    # what was borne already is not new, nor what is put where it is read
    tag(chain[1], "pii.contact")
    tag(chain[2], "pii.own")
    assert review_labels() == 0


def test_a_tag_that_reaches_no_reader_or_is_gone_again_raises_nothing(world, chain):
    tag(chain[0], "pii.contact")
    tag(chain[1], "pii.address").delete()
    assert (review_labels(), unsettled()) == (0, [])


def test_a_tag_from_a_time_that_the_log_does_not_reach_back_to_is_found(world, mart, chain):
    tag(chain[1], "pii.contact")
    mark = ReviewMark.objects.get(log="field tags")
    ReviewMark.objects.filter(pk=mark.pk).update(position={**mark.position, "at": 0})
    assert (review_labels(), review_labels()) == (1, 0)
    assert unsettled() == [("label-reach", "mart.mails", "pii.contact")]


def test_an_edge_beside_another_brings_nothing_new(world, mart, chain):
    derive(chain[0], chain[1])
    assert review_labels() == 1
    FieldEdge.objects.create(source=chain[0], target=chain[2], type="DIRECT")
    FieldEdge.objects.create(source=chain[0], target=chain[1], type="DIRECT", subtype="IDENTITY")
    assert review_labels() == 0


def test_no_review_without_readers_by_indirect_edges_or_where_it_is_declassified(
    world, mart, chain
):
    FieldEdge.objects.create(source=chain[0], target=chain[2], type="INDIRECT")
    Declassification.objects.create(source=chain[0], target=chain[1], reason="hashed")
    derive(chain[0], chain[1])
    assert review_labels() == 0
    unread = make_dataset("unread", fields=[("mail", "string")])
    derive(chain[0], unread.fields.get())
    assert (review_labels(), unsettled()) == (0, [])


def test_policies_and_owners_read_as_well(world):
    open_to_all = make_dataset("open", kind="view", fields=[("mail", "string")])
    make_policy({"name": "open", "applies_to": {"kind": "view"}, "effect": {"allow": "read"}})
    owned = make_dataset("owned", owners=[world.owner], fields=[("mail", "string")])
    for each in (open_to_all, owned):
        derive(world.passengers.fields.get(name="email"), each.fields.get())
    assert review_labels() == 2
    readers = ReviewItem.objects.order_by("pk").values_list("dataset__name", "evidence__readers")
    assert dict(readers) == {
        "open": {"grants": 0, "owners": 0, "policies": 1},
        "owned": {"grants": 0, "owners": 1, "policies": 0},
    }


def test_a_review_whose_label_is_gone_settles_itself(world, mart, chain):
    edge = derive(chain[0], chain[1])
    review_labels()
    FieldEdge.objects.filter(pk=edge.pk).update(valid_to=utc_now())
    review_labels()
    row = ReviewItem.objects.get()
    assert (row.state, row.decided_by, row.comment) == (
        "resolved",
        None,
        "the label does not reach the dataset any more",
    )
    derive(chain[0], chain[1])
    assert (review_labels(), ReviewItem.objects.count()) == (1, 2)


def change_schema(dataset, *columns):
    specs = read_schema([{"name": name, "type": kind} for name, kind in columns])
    sync_fields(dataset=dataset, specs=specs, at=utc_now())


@pytest.fixture
def filtered(world):
    make_policy(
        {
            "name": "by-origin",
            "applies_to": {"domain": "sales"},
            "effect": {"row_filter": "origin = principal.region"},
        }
    )
    make_grant(world.analyst, world.passengers)
    assert review_filters() == 0
    return world.passengers


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            [("origin", "double"), ("email", "string")],
            None,
        ),
        (
            [("email", "string")],
            "row filter names field `origin`, which the dataset does not have",
        ),
        (
            [("start", "string")],
            "row filter names field `origin`, which the dataset does not have",
        ),
    ],
)
def test_a_schema_change_that_breaks_a_filter_denies_and_raises(world, filtered, columns, problem):
    change_schema(filtered, *columns)
    reader = principal_of(world.analyst)
    assert not decide_read(reader, filtered).allowed
    raised = review_filters()
    # a number may be compared with what some attribute says: for this reader it does not fit, for others it may
    assert raised == (problem is not None)
    if problem is None:
        return
    row = ReviewItem.objects.get()
    assert (row.kind, row.key, row.evidence) == (
        "filter-misfit",
        "by-origin",
        {"policy": "by-origin", "version": 1, "problem": problem},
    )
    change_schema(filtered, ("origin", "string"))
    review_filters()
    assert (unsettled(), decide_read(reader, filtered).allowed) == ([], True)


def test_another_type_is_noticed_too(world):
    make_policy(
        {
            "name": "cheap",
            "applies_to": {"domain": "sales"},
            "effect": {"row_filter": "fare < 100"},
        }
    )
    assert review_filters() == 0
    change_schema(world.passengers, ("fare", "string"))
    assert (review_filters(), unsettled()) == (
        1,
        [("filter-misfit", "curated.passengers", "cheap")],
    )


def test_a_dataset_that_comes_into_reach_of_a_filter_it_does_not_fit_is_noticed(world, filtered):
    Dataset.objects.filter(pk=world.salaries.pk).update(domain=world.sales)
    assert (review_filters(), unsettled()) == (1, [("filter-misfit", "hr.salaries", "by-origin")])


def test_who_administers_the_dataset_sees_and_settles(world, mart, chain):
    derive(chain[0], chain[1])
    review_labels()
    item = ReviewItem.objects.get()
    url = f"/api/v1/reviews/{item.uuid}"
    seen = {
        name: (
            api_client(getattr(world, name)).get(url).status_code,
            len(api_client(getattr(world, name)).get("/api/v1/reviews").json()["items"]),
        )
        for name in ("hr_steward", "superuser", "steward", "analyst", "outsider")
    }
    assert seen == {
        "hr_steward": (200, 1),
        "superuser": (200, 1),
        "steward": (404, 0),
        "analyst": (404, 0),
        "outsider": (404, 0),
    }
    client = api_client(world.hr_steward)
    # neither the source nor what is between is the steward's to know of
    assert client.get(url).json()["evidence"]["fields"] == [
        {
            "field": "mail",
            "steps": [
                {"dataset": str(mart.uuid), "name": "lakewarden:mart.mails", "field": "mail"}
            ],
        }
    ]
    assert client.post(f"{url}/acknowledge", {}, **JSON).json()["state"] == "acknowledged"
    assert client.post(f"{url}/acknowledge", {}, **JSON).status_code == 409
    assert client.post(f"{url}/resolve", {"comment": ""}, **JSON).status_code == 400
    done = client.post(f"{url}/resolve", {"comment": "masked since"}, **JSON).json()
    assert (done["state"], done["decided_by"], done["comment"]) == (
        "resolved",
        "hr-steward",
        "masked since",
    )
    assert [row["uuid"] for row in client.get("/api/v1/reviews?state=open").json()["items"]] == []
    assert client.get("/api/v1/reviews?state=nonsense").status_code == 400
    records = AuditRecord.objects.filter(action__startswith="review.").order_by("pk")
    assert [(read_record(each).actor, each.action) for each in records] == [
        ("system", "review.raise"),
        ("hr-steward", "review.acknowledge"),
        ("hr-steward", "review.resolve"),
    ]


def test_nobody_settles_twice_or_for_others(world, mart, chain):
    derive(chain[0], chain[1])
    review_labels()
    item = ReviewItem.objects.get()
    with pytest.raises(NotFoundError):
        resolve_review(item, by=principal_of(world.outsider), comment="fine")
    with pytest.raises(InvalidInputError):
        resolve_review(item, by=principal_of(world.hr_steward), comment="  ")
    resolve_review(item, by=principal_of(world.hr_steward), comment="fine")
    with pytest.raises(ConflictError):
        resolve_review(item, by=principal_of(world.hr_steward), comment="fine")


def test_the_admin_settles_by_a_comment(world, mart, chain):
    derive(chain[0], chain[1])
    review_labels()
    item = ReviewItem.objects.get()
    url = f"/admin/governance/reviewitem/{item.pk}/change/"
    client = page_client(world.hr_steward)
    text = client.get(url).content.decode()
    assert ("pii.email" in text, "curated.passengers" in text) == (True, False)
    assert page_client(world.steward).get(url).status_code == 302
    client.post(url, {"comment": "masked since"})
    item.refresh_from_db()
    assert (item.state, item.decided_by, item.comment) == (
        "resolved",
        world.hr_steward,
        "masked since",
    )


def test_the_command_lists_what_is_not_settled(world, mart, chain, capsys):
    derive(chain[0], chain[1])
    call_command("reviews", raise_now=True)
    item = ReviewItem.objects.get()
    assert capsys.readouterr().out.splitlines() == [
        "1 new",
        f"{item.raised_at:%Y-%m-%dT%H:%M:%SZ} open label-reach lakewarden:mart.mails: pii.email ({item.uuid})",
    ]
    call_command("reviews", kind="filter-misfit")
    assert capsys.readouterr().out == ""


def test_the_inbox_lists_them_with_their_count_and_settles_them(world, mart, chain):
    derive(chain[0], chain[1])
    review_labels()
    item = ReviewItem.objects.get()
    pages = {
        user.username: page_client(user).get("/inbox/").context["finding_count"]
        for user in (world.hr_steward, world.steward, world.analyst, world.outsider)
    }
    assert pages == {"hr-steward": 1, "steward": 0, "analyst": 0, "outsider": 0}
    client = page_client(world.hr_steward)
    page = client.get("/inbox/").content.decode()
    assert "Reviews (1)" in page
    assert '<span class="badge warn">pii.email</span> has reached <code>mail</code>' in page
    path = f"/inbox/reviews/{item.uuid}/"
    refused = page_client(world.steward).post(path, {"verdict": "resolve", "comment": "c"})
    assert refused.status_code == 404
    for form, state in (
        ({"verdict": "nonsense"}, "open"),
        ({"verdict": "acknowledge"}, "acknowledged"),
        ({"verdict": "resolve"}, "acknowledged"),
        ({"verdict": "resolve", "comment": "masked"}, "resolved"),
    ):
        client.post(path, form)
        item.refresh_from_db()
        assert (form, item.state) == (form, state)
