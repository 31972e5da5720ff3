"""Grants, requests, policies, and the small world that most permission tests walk in."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import Group

from catalog.models import Dataset, Domain
from core.clock import utc_now
from governance.models import AccessRequest, PolicyVersion
from governance.policy.types import Action
from governance.queries import principal_of
from governance.services.grants import create_grant
from governance.services.policies import publish_policy, save_policy_draft
from governance.services.requests import request_access
from identity.models import User
from tests.factories.catalog import make_dataset, make_domain
from tests.factories.identity import make_user


def make_grant(subject: User | Group, target: Dataset | Domain, action=Action.READ, **kwargs):
    """A grant that the system gives; `days` is how long it holds."""
    days = kwargs.pop("days", 1)
    return create_grant(
        actor="system",
        granted_by=None,
        subject=subject,
        target=target,
        action=Action(action),
        expires_at=utc_now() + timedelta(days=days),
        **kwargs,
    )


def make_request(requester: User, dataset: Dataset, **kwargs) -> AccessRequest:
    terms = {"purpose": "a study of delays", "duration": timedelta(days=7), **kwargs}
    return request_access(dataset, by=principal_of(requester), **terms)


def make_policy(document: dict, *, by: User | None = None, publish: bool = True) -> PolicyVersion:
    """A policy as `document` states it, written by a superuser unless `by` is given."""
    author = principal_of(by or make_user(is_superuser=True, is_staff=True))
    draft = save_policy_draft(document, by=author)
    return publish_policy(draft, by=author) if publish else draft


def make_mask(field_tag: str, mask: str, *, name: str = "a-mask", **more) -> PolicyVersion:
    document = {
        "name": name,
        "applies_to": {"field_tags": [field_tag]},
        "effect": {"column_mask": mask},
        **more,
    }
    return make_policy(document)


@dataclass(frozen=True)
class World:
    """Two domains with a steward each. `analyst` may see the metadata of `passengers` and read nothing."""

    sales: Domain
    hr: Domain
    steward: User
    hr_steward: User
    owner: User
    analyst: User
    outsider: User
    superuser: User
    passengers: Dataset
    salaries: Dataset


def make_world() -> World:
    steward = make_user("steward", is_staff=True)
    hr_steward = make_user("hr-steward", is_staff=True)
    owner = make_user("owner")
    analyst = make_user("analyst", attributes={"region": "EWR"})
    sales = make_domain("Sales", stewards=[steward])
    hr = make_domain("HR", stewards=[hr_steward])
    passengers = make_dataset(
        "curated.passengers",
        domain=sales,
        owners=[owner],
        tags=["gold"],
        description="Passengers with their flights",
        fields=[
            ("name", "string", ["pii.name"]),
            ("email", "string", ["pii.email"]),
            ("origin", "string"),
            ("fare", "double"),
        ],
    )
    salaries = make_dataset("hr.salaries", domain=hr, fields=[("amount", "double")])
    make_grant(analyst, passengers, Action.VIEW_METADATA)
    return World(
        sales=sales,
        hr=hr,
        steward=steward,
        hr_steward=hr_steward,
        owner=owner,
        analyst=analyst,
        outsider=make_user("outsider"),
        superuser=make_user("root", is_superuser=True, is_staff=True),
        passengers=passengers,
        salaries=salaries,
    )
