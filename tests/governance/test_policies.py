"""Policies are written by those who may, checked against what they match, and in force with the commit."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from core.errors import ConflictError, PermissionDeniedError, UnprocessableError
from governance.models import AuditRecord, PolicyVersion
from governance.policy.documents import load_documents
from governance.policy.errors import PolicyDocumentError
from governance.policy.types import Action
from governance.queries import decide_read, principal_of
from governance.services import grant_access, publish_policy, retire_policy, save_policy_draft
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import make_user

pytestmark = pytest.mark.django_db


def by_region(**more):
    return {
        "name": "by-region",
        "applies_to": {"domain": "travel"},
        "effect": {"row_filter": "region = principal.region"},
    } | more


class World:
    def __init__(self):
        self.root = principal_of(make_user(username="root", is_superuser=True))
        steward = make_user()
        self.steward = principal_of(steward)
        self.other = principal_of(make_user())
        self.domain = make_domain("travel", stewards=[steward])
        make_domain("finance", stewards=[make_user()])
        self.dataset = make_dataset(
            "curated.passengers",
            fields=[("region", "string"), ("mail", "string", ["pii.email"])],
            domain=self.domain,
        )
        reader = make_user(username="ann", attributes={"region": "EWR"})
        self.reader = principal_of(reader)
        grant_access(by=self.steward, subject=reader, target=self.dataset, action=Action.READ)

    def publish(self, document, *, by=None):
        by = by or self.steward
        return publish_policy(save_policy_draft(document, by=by), by=by)

    def row_filter(self):
        return decide_read(self.reader, self.dataset).obligations.row_filter


@pytest.fixture
def world():
    return World()


def test_a_draft_does_nothing_and_its_publication_does(world):
    draft = save_policy_draft(by_region(), by=world.steward)
    assert world.row_filter() is None
    publish_policy(draft, by=world.steward)
    assert world.row_filter() == "(\"region\" = 'EWR')"
    retire_policy(draft, by=world.steward)
    assert world.row_filter() is None
    actions = AuditRecord.objects.filter(action__startswith="policy.").order_by("pk")
    assert list(actions.values_list("action", "resource")) == [
        ("policy.draft", "policy:by-region"),
        ("policy.publish", "policy:by-region"),
        ("policy.retire", "policy:by-region"),
    ]


def test_a_new_version_takes_the_place_of_the_former(world):
    first = world.publish(by_region())
    second = world.publish(by_region(effect={"row_filter": "region = 'JFK'"}))
    first.refresh_from_db()
    assert (first.number, first.status, second.number, second.status, world.row_filter()) == (
        1,
        "retired",
        2,
        "published",
        "(\"region\" = 'JFK')",
    )
    with pytest.raises(ConflictError):
        publish_policy(first, by=world.steward)


def test_saving_again_changes_the_draft(world):
    numbers = [save_policy_draft(by_region(), by=world.steward).number for _ in range(2)]
    assert (numbers, PolicyVersion.objects.count()) == ([1, 1], 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"effect": {"row_filter": "country = 'US'"}},
            "lakewarden:curated.passengers: row filter names field `country`, which the dataset does not have",
        ),
        (
            {"effect": {"row_filter": "region > 3"}},
            "lakewarden:curated.passengers: row filter uses field `region` as number, but it is `string`",
        ),
    ],
)
def test_a_filter_must_fit_every_dataset_that_it_matches(world, change, problem):
    with pytest.raises(UnprocessableError) as caught:
        save_policy_draft(by_region(**change), by=world.steward)
    assert caught.value.data["problems"] == [problem]


def test_an_unknown_domain_is_told(world):
    with pytest.raises(UnprocessableError, match="there is no domain `travle`"):
        save_policy_draft(by_region(applies_to={"domain": "travle"}), by=world.root)


def test_a_filter_that_stops_fitting_denies(world):
    world.publish(by_region())
    world.dataset.fields.filter(name="region").update(type="int")
    decision = decide_read(world.reader, world.dataset)
    assert [reason.text for reason in decision.reasons] == [
        (
            "policy `by-region` cannot filter rows here and denies: "
            "row filter uses field `region` as string, but it is `int`"
        )
    ]


@pytest.mark.parametrize(
    "document",
    [
        by_region(applies_to={"domain": "finance"}),
        by_region(applies_to={"domain": ["travel", "finance"]}),
        by_region(applies_to={"name": "*"}),
        by_region(effect={"allow": "read"}),
    ],
)
def test_a_steward_stays_in_their_domain_and_allows_nothing(world, document):
    with pytest.raises(PermissionDeniedError, match="only a superuser writes this policy"):
        save_policy_draft(document, by=world.steward)


def test_an_outsider_writes_no_policy(world):
    draft = save_policy_draft(by_region(), by=world.steward)
    for step in (
        lambda: save_policy_draft(by_region(), by=world.other),
        lambda: publish_policy(draft, by=world.other),
        lambda: retire_policy(draft, by=world.other),
    ):
        with pytest.raises(PermissionDeniedError):
            step()


def test_a_steward_does_not_replace_a_policy_that_reaches_further(world):
    world.publish(by_region(name="wide", applies_to={"name": "*"}), by=world.root)
    draft = save_policy_draft(by_region(name="wide"), by=world.steward)
    with pytest.raises(PermissionDeniedError):
        publish_policy(draft, by=world.steward)


def test_a_steward_does_not_write_over_a_draft_that_reaches_further(world):
    save_policy_draft(by_region(name="wide", applies_to={"name": "*"}), by=world.root)
    with pytest.raises(PermissionDeniedError):
        save_policy_draft(by_region(name="wide"), by=world.steward)


def test_a_superuser_retires_what_nobody_can_read(world):
    version = world.publish(by_region())
    PolicyVersion.objects.update(document={"name": "by-region"})
    assert not decide_read(world.reader, world.dataset).allowed
    retire_policy(version, by=world.root)
    assert decide_read(world.reader, world.dataset).allowed


FILE = """
name: by-region
applies_to:
  domain: travel
effect:
  row_filter: region = principal.region
---
name: mask-mail
applies_to:
  field_tags: pii.email
effect:
  column_mask: show-last-4
"""


def test_apply_diff_export_and_test(world, tmp_path, capsys):
    file, out = tmp_path / "policies.yaml", tmp_path / "out.yaml"
    file.write_text(FILE)
    call_command("policy", "test", file)
    with pytest.raises(CommandError, match="differs"):
        call_command("policy", "diff", file)
    capsys.readouterr()
    call_command("policy", "apply", file, by="root")
    call_command("policy", "apply", file, by="root")
    call_command("policy", "diff", file)
    call_command("policy", "export", out)
    assert capsys.readouterr().out == (
        "by-region: published version 1\nmask-mail: published version 1\n"
        "by-region: unchanged\nmask-mail: unchanged\n"
    )
    assert load_documents(out.read_text()) == load_documents(FILE)


def test_apply_is_all_or_nothing(world, tmp_path):
    file = tmp_path / "policies.yaml"
    file.write_text(FILE.replace("pii.email", "pii.email\n  domain: nowhere"))
    with pytest.raises(CommandError, match="there is no domain `nowhere`"):
        call_command("policy", "apply", file, by="root")
    assert PolicyVersion.objects.count() == 0


def test_explain_tells_rows_columns_and_reasons(world, capsys):
    world.publish(by_region())
    call_command("explain", "ann", "lakewarden:curated.passengers", action="read")
    assert capsys.readouterr().out == (
        "read: allow\n"
        "  grant: grant of `read` on the dataset\n"
        "  policy v1: policy `by-region` filters rows\n"
        "  rows: (\"region\" = 'EWR')\n"
        "  column region (string)\n"
        "  column mail (string)\n"
    )


def test_explain_says_what_it_does_not_know(world):
    for user, dataset in (("nobody", "lakewarden:curated.passengers"), ("ann", "no:such")):
        with pytest.raises(CommandError, match="there is no"):
            call_command("explain", user, dataset)


def test_a_broken_document_names_its_place(world):
    with pytest.raises(PolicyDocumentError) as caught:
        save_policy_draft(by_region(effect={"row_filter": "region ="}), by=world.root)
    assert caught.value.pointer == "/effect/row_filter"
