"""What is done in the admin goes through the services: it is allowed, recorded, and in force at once."""

import pytest
from django.urls import reverse

from catalog.models import Dataset, DatasetOwner, DatasetTag, Domain, FieldTag, Tag
from core import audit
from core.errors import UnauthenticatedError
from governance.auditing.subjects import pseudonyms_of
from governance.models import (
    AccessRequest,
    AuditSubject,
    DatasetUserGrant,
    PolicyStatus,
    PolicyVersion,
    RequestState,
)
from governance.policy.types import Action
from governance.queries import decide_read, principal_of, visible_datasets
from identity.models import ApiToken, User
from identity.services import authenticate_token
from tests.admin.test_reach import change, changelist, form_data
from tests.factories.audit import audited_by
from tests.factories.catalog import make_tag
from tests.factories.governance import make_grant, make_policy, make_request, make_world
from tests.factories.identity import make_token, page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


def actions_of(actor: str) -> list[str]:
    return [*audited_by(actor).order_by("pk").values_list("action", flat=True)]


def test_a_dataset_is_described_and_its_parts_recorded(world):
    client = page_client(world.steward)
    url = change(world.passengers)
    data = form_data(client.get(url)) | {"description": "All passengers"}
    assert client.post(url, data).status_code == 302
    world.passengers.refresh_from_db()
    assert world.passengers.description == "All passengers"
    assert actions_of("steward") == ["dataset.describe"]


def test_tags_and_owners_are_added_and_removed(world):
    client = page_client(world.steward)
    url = change(world.passengers)
    data = form_data(client.get(url)) | {
        "dataset_tags-TOTAL_FORMS": "2",
        "dataset_tags-0-DELETE": "on",
        "dataset_tags-1-tag": str(make_tag("silver").pk),
        "dataset_tags-1-dataset": str(world.passengers.pk),
        "owners-TOTAL_FORMS": "2",
        "owners-1-user": str(world.analyst.pk),
        "owners-1-dataset": str(world.passengers.pk),
    }
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.context["errors"]
    tags = DatasetTag.objects.filter(dataset=world.passengers).values_list("tag__name", flat=True)
    owners = DatasetOwner.objects.filter(dataset=world.passengers).order_by("pk")
    assert [*tags] == ["silver"]
    assert [owner.user for owner in owners] == [world.owner, world.analyst]
    assert sorted(actions_of("steward")) == ["dataset.add_owner", "dataset.tag", "dataset.untag"]
    assert [*Dataset.objects.matching("silver")] == [world.passengers]


def test_an_owner_is_a_user_or_a_group(world):
    client = page_client(world.steward)
    url = change(world.passengers)
    data = form_data(client.get(url)) | {
        "owners-TOTAL_FORMS": "2",
        "owners-1-dataset": str(world.passengers.pk),
        "owners-1-user": str(world.analyst.pk),
        "owners-1-group": str(make_group_pk()),
    }
    answer = client.post(url, data)
    assert answer.status_code == 200
    assert DatasetOwner.objects.filter(dataset=world.passengers).count() == 1


def make_group_pk() -> int:
    from tests.factories.identity import make_group

    return make_group("crew").pk


def test_a_field_is_tagged(world):
    field = world.passengers.fields.get(name="fare")
    client = page_client(world.steward)
    data = form_data(client.get(change(field))) | {
        "field_tags-TOTAL_FORMS": "1",
        "field_tags-0-tag": str(make_tag("money").pk),
        "field_tags-0-field": str(field.pk),
    }
    assert client.post(change(field), data).status_code == 302
    assert FieldTag.objects.get(field=field).tag.name == "money"
    assert actions_of("steward") == ["field.tag"]


def test_a_grant_is_given_and_revoked(world):
    client = page_client(world.steward)
    url = changelist(DatasetUserGrant) + "add/"
    answer = client.post(
        url,
        {
            "user": str(world.analyst.pk),
            "content_object": str(world.passengers.pk),
            "action": "read",
            "row_filter": "origin = 'EWR'",
            "columns": '["origin", "fare"]',
            "purpose": "a study",
            "expires_at_0": "2100-01-01",
            "expires_at_1": "00:00:00",
        },
    )
    assert answer.status_code == 302, answer.context["errors"]
    grant = DatasetUserGrant.objects.get(purpose="a study")
    assert (grant.granted_by, grant.row_filter, grant.columns) == (
        world.steward,
        "origin = 'EWR'",
        ["fare", "origin"],
    )
    assert decide_read(principal_of(world.analyst), world.passengers).allowed
    delete = reverse("admin:governance_datasetusergrant_delete", args=[grant.pk])
    assert client.get(delete).status_code == 200
    assert client.post(delete, {"post": "yes"}).status_code == 302
    assert not decide_read(principal_of(world.analyst), world.passengers).allowed
    assert actions_of("steward") == ["grant.create", "grant.revoke"]


@pytest.mark.parametrize("target", ["foreign", "own-account"])
def test_a_grant_on_the_foreign_or_to_oneself_is_refused(target, world):
    dataset = world.salaries if target == "foreign" else world.passengers
    user = world.analyst if target == "foreign" else world.steward
    before = DatasetUserGrant.objects.count()
    data = {"user": user.pk, "content_object": dataset.pk, "action": "read", "purpose": "x"}
    page_client(world.steward).post(changelist(DatasetUserGrant) + "add/", data)
    assert DatasetUserGrant.objects.count() == before


def test_deleting_another_stewards_grant_is_not_possible(world):
    grant = make_grant(world.analyst, world.salaries)
    delete = reverse("admin:governance_datasetusergrant_delete", args=[grant.pk])
    page_client(world.steward).post(delete, {"post": "yes"})
    bulk = {"action": "delete_selected", "_selected_action": [grant.pk], "post": "yes"}
    page_client(world.steward).post(changelist(DatasetUserGrant), bulk)
    assert DatasetUserGrant.objects.filter(pk=grant.pk).exists()


@pytest.mark.parametrize(
    ("button", "comment", "state"),
    [
        ("approve_now", "", RequestState.APPROVED),
        ("deny_now", "not needed", RequestState.DENIED),
        ("deny_now", "", RequestState.PENDING),
        ("", "just a note", RequestState.PENDING),
    ],
)
def test_the_buttons_of_a_request_decide_it(button, comment, state, world):
    asked = make_request(world.analyst, world.passengers)
    client = page_client(world.steward)
    name = f"governance_accessrequest_{button}" if button else "_save"
    client.post(change(asked), {"decision_comment": comment, name: "1"})
    asked.refresh_from_db()
    assert asked.state == state


def test_bulk_approval_takes_only_what_one_may_decide(world):
    make_grant(world.analyst, world.salaries, "discover")
    mine = make_request(world.analyst, world.passengers)
    foreign = make_request(world.analyst, world.salaries)
    own = make_request(world.steward, world.passengers)
    data = {"action": "approve", "_selected_action": [mine.pk, foreign.pk, own.pk]}
    page_client(world.steward).post(changelist(AccessRequest), data)
    states = dict(AccessRequest.objects.values_list("pk", "state"))
    assert states == {
        mine.pk: RequestState.APPROVED,
        foreign.pk: RequestState.PENDING,
        own.pk: RequestState.PENDING,
    }


POLICY = """name: sales-mask
applies_to:
  domain: [sales]
  field_tags: [pii.email]
effect:
  column_mask: replace-with-null
"""


def test_a_steward_drafts_and_publishes_a_policy_of_the_own_domain(world):
    client = page_client(world.steward)
    add = changelist(PolicyVersion) + "add/"
    answer = client.post(add, {"text": POLICY})
    assert answer.status_code == 302, answer.context["errors"]
    draft = PolicyVersion.objects.get()
    assert (draft.status, draft.author) == (PolicyStatus.DRAFT, world.steward)
    data = {"action": "publish", "_selected_action": [draft.pk]}
    client.post(changelist(PolicyVersion), data)
    draft.refresh_from_db()
    assert draft.status == PolicyStatus.PUBLISHED
    assert client.post(change(draft), {"text": POLICY}).status_code == 403
    client.post(changelist(PolicyVersion), data | {"action": "retire"})
    draft.refresh_from_db()
    assert draft.status == PolicyStatus.RETIRED
    assert actions_of("steward") == ["policy.draft", "policy.publish", "policy.retire"]


def test_a_policy_beyond_the_own_domain_is_refused_and_unseen(world):
    client = page_client(world.steward)
    foreign = POLICY.replace("[sales]", "[hr]").replace("sales-mask", "hr-mask")
    client.post(changelist(PolicyVersion) + "add/", {"text": foreign})
    assert not PolicyVersion.objects.exists()
    version = make_policy(
        {
            "name": "hr-mask",
            "applies_to": {"domain": ["hr"], "field_tags": ["pii.*"]},
            "effect": {"column_mask": "replace-with-null"},
        }
    )
    assert "hr-mask" not in client.get(changelist(PolicyVersion)).content.decode()
    client.post(changelist(PolicyVersion), {"action": "retire", "_selected_action": [version.pk]})
    version.refresh_from_db()
    assert version.status == PolicyStatus.PUBLISHED


def test_a_mistake_in_a_document_is_told_with_its_place(world):
    add = changelist(PolicyVersion) + "add/"
    text = POLICY.replace("replace-with-null", "paint-it-black")
    answer = page_client(world.steward).post(add, {"text": text})
    assert "/effect/column_mask" in str(answer.context["adminform"].form.errors["text"])


def test_a_steward_plants_domains_below_the_own_only(world):
    client = page_client(world.steward)
    add = changelist(Domain) + "add/"
    empty = {"stewards-TOTAL_FORMS": "0", "stewards-INITIAL_FORMS": "0"}
    for parent in ("", str(world.hr.pk)):
        client.post(add, {"name": "Retail", "parent": parent, **empty})
    assert not Domain.objects.filter(name="Retail").exists()
    client.post(add, {"name": "Retail", "parent": str(world.sales.pk), **empty})
    assert Domain.objects.get(name="Retail").parent == world.sales
    assert actions_of("steward") == ["domain.create"]


def test_a_token_is_shown_once_and_only_for_oneself_or_a_program(world):
    client = page_client(world.superuser)
    add = changelist(ApiToken) + "add/"
    data = {"name": "ci", "scopes": ["read"], "days": "7"}
    client.post(add, data | {"user": str(world.analyst.pk)})
    assert not ApiToken.objects.exists()
    answer = client.post(add, data | {"user": str(world.superuser.pk)})
    text = answer.context["secret"]
    assert authenticate_token(text).user == world.superuser
    assert text not in client.get(changelist(ApiToken)).content.decode()


def test_a_steward_sees_names_of_people_and_changes_none(world):
    client = page_client(world.steward)
    body = client.get(change(world.analyst)).content.decode()
    assert "analyst" in body
    assert "EWR" not in body
    assert client.post(change(world.analyst), {"is_superuser": "on"}).status_code == 403
    assert not User.objects.get(pk=world.analyst.pk).is_superuser


def test_a_superuser_manages_metadata_and_reads_no_data(world):
    principal = principal_of(world.superuser)
    assert visible_datasets(principal, action=Action.MANAGE).count() == 2
    assert visible_datasets(principal, action=Action.READ).count() == 0


def test_a_new_tag_is_everybodys_and_keeps_its_name(world):
    client = page_client(world.steward)
    client.post(changelist(Tag) + "add/", {"name": "pii.iban", "description": ""})
    tag = Tag.objects.get(name="pii.iban")
    assert client.post(change(tag), {"name": "harmless"}).status_code == 403
    assert actions_of("steward") == ["tag.create"]


def test_who_is_made_inactive_in_the_admin_is_out_for_good(world):
    admin, person = page_client(world.superuser), page_client(world.analyst)
    token = make_token(world.analyst)
    data = form_data(admin.get(change(world.analyst)))
    data.pop("is_active")
    assert admin.post(change(world.analyst), data).status_code == 302
    User.objects.filter(pk=world.analyst.pk).update(is_active=True)
    assert person.get(reverse("web:tokens")).status_code == 302
    with pytest.raises(UnauthenticatedError):
        authenticate_token(token)


def test_a_person_is_erased_from_the_audit_log_with_a_reason(world):
    audit.record(actor="zoe", action="x.y", resource="thing:1")
    subject = AuditSubject.objects.get(pseudonym__in=pseudonyms_of("zoe"))
    client, url = page_client(world.superuser), reverse("admin:governance_auditsubject_changelist")
    asked = {"action": "erase", "_selected_action": [subject.pk]}
    client.post(url, asked)
    assert pseudonyms_of("zoe") == [subject.pseudonym]
    client.post(url, asked | {"reason": "request 4711"})
    assert pseudonyms_of("zoe") == []
    assert "zoe" not in client.get(url).content.decode()
    assert client.get(reverse("admin:governance_auditsegment_changelist")).status_code == 200
