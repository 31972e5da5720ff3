"""One change of a draft: found by name, allowed or not, laid over the facts, and at last made by its own service."""

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Q

from catalog.models import Dataset, Domain, Field
from core.errors import NotFoundError
from governance.policy.types import Action, Principal
from governance.queries import (
    get_visible_domain,
    load_facts,
    require,
    require_domain,
    visible_datasets,
)
from governance.simulation.document import Wish
from governance.simulation.draft import Draft
from identity.models import User


class Step(ABC):
    """A change that `by` may make.

    To build one raises NotFoundError, PermissionDeniedError or InvalidInputError as the service of the change would.
    """

    def __init__(self, wish: Wish, *, by: Principal) -> None:
        self.said: Any = wish.said
        self.by = by
        self.find()

    @abstractmethod
    def find(self) -> None:
        """Look up what is named, and refuse who may not change it."""

    @abstractmethod
    def lay(self, draft: Draft) -> None:
        """Add the change to the draft."""

    @abstractmethod
    def make(self) -> None:
        """Make the change; audited by its service."""

    def problems(self) -> list[str]:
        """Why the change could not be made as things are, in sentences."""
        return []


def named_dataset(text: str, *, by: Principal, action: Action) -> Dataset:
    """The live dataset `namespace:name` or of this UUID, to which `by` may do `action`.

    Raises NotFoundError in the same words where there is none and where `by` may not know of it, PermissionDeniedError.
    """
    # one question for what is hidden and for what never was: their answers cost the same
    facts = load_facts(by)
    found = visible_datasets(by, facts=facts).select_related("domain").filter(_key(text)).first()
    if found is None:
        raise NotFoundError("there is no such dataset")
    require(by, action, found, facts=facts)
    return found


def _key(text: str) -> Q:
    namespace, colon, name = text.rpartition(":")
    if colon:
        return Q(namespace=namespace, name=name)
    try:
        return Q(uuid=UUID(text))
    except ValueError:
        raise NotFoundError("there is no such dataset") from None


def named_field(said: dict[str, str], *, by: Principal, action: Action) -> Field:
    """A field by dataset and name, as `named_dataset` finds the dataset."""
    dataset = named_dataset(said["dataset"], by=by, action=action)
    found = Field.objects.present().filter(dataset=dataset, name=said["field"]).first()
    if found is None:
        raise NotFoundError(f"the dataset has no field `{said['field']}`")
    found.dataset = dataset
    return found


def named_domain(slug: str, *, by: Principal) -> Domain:
    """The domain of this slug, for who administers it.

    Raises NotFoundError in the same words where there is none and where it is not shown, PermissionDeniedError.
    """
    facts = load_facts(by)
    found = get_visible_domain(by, slug, facts=facts)
    require_domain(by, found, facts=facts)
    return found


def named_user(username: str) -> User:
    """The user of this name."""
    found = User.objects.filter(username=username).first()
    if found is None:
        raise NotFoundError(f"there is no user `{username}`")
    return found


def named_group(name: str) -> Group:
    """The group of this name."""
    found = Group.objects.filter(name=name).first()
    if found is None:
        raise NotFoundError(f"there is no group `{name}`")
    return found
