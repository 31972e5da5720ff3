"""Keys of rows of history as names that the asker may know. What they may not know is None."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model, QuerySet

from catalog.models import Domain, Field, Tag
from governance.explanations import Step, steps_known_to
from governance.facts import load_facts
from governance.history.asking import is_auditing
from governance.history.rows import history_of
from governance.models import Policy
from governance.policy.types import Action, EntityId, Principal
from governance.queries import visible_datasets
from identity.models import NamedGroup, User

# Columns of history that hold keys, with the table and the column that name them.
_NAMED: Mapping[str, tuple[type[Model], str]] = {
    "group_id": (NamedGroup, "name"),
    "tag_id": (Tag, "name"),
    "domain_id": (Domain, "slug"),
    "parent_id": (Domain, "slug"),
    "policy_id": (Policy, "name"),
}
_USERS = ("user_id", "granted_by_id", "author_id", "approved_by_id")
_FIELDS = ("field_id", "source_id", "target_id")
# Keys of rows that the answer names in other words, or not at all.
_LEFT_OUT = ("request_id", "content_object_id", "dataset_id")
# What speaks of more than the dataset, and so is for those who audit.
_AUDITED = ("document", "attributes")


@dataclass
class Names:
    """The names behind the keys of one answer, read in a query a table. `known` are users that may be named; None: all."""

    asker: Principal
    known: Collection[int] | None
    users: dict[int, str] = field(default_factory=dict)
    fields: dict[EntityId, Step] = field(default_factory=dict)
    others: dict[tuple[type[Model], int], str] = field(default_factory=dict)
    permissions: dict[int, str] = field(default_factory=dict)

    def read(self, rows: Collection[Mapping[str, Any]]) -> "Names":
        """Look up all keys of these rows."""
        self.users = _last(User, "username", _keys(rows, _USERS))
        self.fields = known_steps(self.asker, _keys(rows, _FIELDS))
        for model, column in set(_NAMED.values()):
            names = [name for name, named in _NAMED.items() if named == (model, column)]
            found = _last(model, column, _keys(rows, names))
            self.others |= {(model, key): text for key, text in found.items()}
        keys = _keys(rows, ["permission_id"])
        rows_of = Permission.objects.filter(pk__in=keys).values_list("pk", "codename")
        self.permissions = {key: codename.rpartition("_")[0] for key, codename in rows_of}
        return self

    def user(self, key: int | None) -> str | None:
        """The user's name, where the asker may know them."""
        if key is None or (self.known is not None and key not in self.known):
            return None
        return self.users.get(key)

    def told(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row's values with names for keys."""
        answer: dict[str, Any] = {}
        for name, value in values.items():
            if name in _LEFT_OUT or (self.known is not None and name in _AUDITED):
                continue
            answer[name.removesuffix("_id")] = self._told(name, value)
        return answer

    def _told(self, name: str, value: Any) -> Any:
        if name in _USERS:
            return self.user(value)
        if name in _FIELDS and value is not None:
            step = self.fields.get(value)
            return None if step is None else f"{step.name} {step.field}"
        if name in _NAMED and value is not None:
            return self.others.get((_NAMED[name][0], value))
        if name == "permission_id":
            return self.permissions.get(value)
        return value


def known_steps(asker: Principal, fields: set[EntityId]) -> dict[EntityId, Step]:
    """Of these fields (ids) those that the asker may know of; who audits knows all."""
    if not is_auditing(asker):
        return steps_known_to(asker, fields, load_facts(asker)) if fields else {}
    rows = Field.objects.filter(pk__in=fields).select_related("dataset")
    return {row.pk: Step(row.dataset.uuid, str(row.dataset), row.name) for row in rows}


def known_fields(asker: Principal) -> QuerySet[Field] | None:
    """The fields that the asker may know of; None is all."""
    if is_auditing(asker):
        return None
    described = visible_datasets(asker, action=Action.VIEW_METADATA).order_by()
    return Field.objects.filter(dataset__in=described.values("pk")).order_by()


def user_keys(names: Iterable[str]) -> dict[str, int]:
    """The keys of users by the names that they have or had."""
    wanted = set(names)
    rows = history_of(User).filter(username__in=wanted).order_by("pgh_id")
    return dict(rows.values_list("username", "pgh_obj_id"))


def _keys(rows: Collection[Mapping[str, Any]], columns: Iterable[str]) -> set[EntityId]:
    return {row[column] for row in rows for column in columns if isinstance(row.get(column), int)}


def _last(model: type[Model], column: str, keys: set[EntityId]) -> dict[int, str]:
    """The last known value of a column, by key; of rows that are gone too."""
    if not keys:
        return {}
    rows = history_of(model).filter(pgh_obj__in=keys).order_by("pgh_id")
    return dict(rows.values_list("pgh_obj_id", column))
