"""One change of a draft: found by name, allowed or not, laid over the facts, and at last made by its own service."""

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group

from catalog.models import Dataset, Domain, Field
from core.errors import NotFoundError
from governance.policy.types import Action, Principal
from governance.queries import require
from governance.simulation.document import Wish
from governance.simulation.draft import Draft
from identity.models import User

_UUID_LENGTH = 36


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
    namespace, _, name = text.rpartition(":")
    rows = Dataset.objects.live().select_related("domain")
    found = rows.filter(namespace=namespace, name=name).first() if namespace else None
    if found is None and len(text) == _UUID_LENGTH:
        try:
            found = rows.filter(uuid=UUID(text)).first()
        except ValueError:
            found = None
    if found is None:
        raise NotFoundError("there is no such dataset")
    require(by, action, found)
    return found


def named_field(said: dict[str, str], *, by: Principal, action: Action) -> Field:
    """A field by dataset and name, as `named_dataset` finds the dataset."""
    dataset = named_dataset(said["dataset"], by=by, action=action)
    found = Field.objects.present().filter(dataset=dataset, name=said["field"]).first()
    if found is None:
        raise NotFoundError(f"the dataset has no field `{said['field']}`")
    found.dataset = dataset
    return found


def named_domain(slug: str) -> Domain:
    """The domain of this slug; whether the caller may know of it is the caller's to check."""
    found = Domain.objects.filter(slug=slug).first()
    if found is None:
        raise NotFoundError("there is no such domain")
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
