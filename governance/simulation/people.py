"""Everybody whom a draft may concern, before and after it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.contrib.auth.models import Group

from governance.policy.types import EntityId, Principal
from governance.simulation.draft import Draft
from identity.models import User


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the kernel knows them today and would know them. `is_service` is a job's account."""

    before: Principal
    after: Principal
    is_service: bool

    @property
    def id(self) -> EntityId:
        return self.before.id

    def declaring(self, purpose: str | None) -> "Person":
        """The same, asking for a purpose."""
        if purpose is None:
            return self
        return Person(
            replace(self.before, purpose=purpose),
            replace(self.after, purpose=purpose),
            self.is_service,
        )


def load_people(draft: Draft) -> dict[EntityId, Person]:
    """Every active user, in three queries. Who is not active may do nothing, before and after."""
    groups = _groups_by_user()
    rows = User.objects.filter(is_active=True).order_by("pk")
    found: dict[EntityId, Person] = {}
    for pk, username, superuser, service, attributes in rows.values_list(
        "pk", "username", "is_superuser", "is_service", "attributes"
    ):
        mine = groups.get(pk, {})
        before = Principal(
            id=pk,
            username=username,
            groups=frozenset(mine),
            group_names=frozenset(mine.values()),
            attributes=attributes,
            is_superuser=superuser,
        )
        found[pk] = Person(before, draft.over_principal(before), service)
    return found


def _groups_by_user() -> Mapping[int, dict[int, str]]:
    names = dict(Group.objects.values_list("pk", "name"))
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for user, group in User.groups.through.objects.values_list("user_id", "group_id"):
        found[user][group] = names[group]
    return found
