"""Users and datasets as commands name them."""

from django.core.management.base import CommandError

from catalog.models import Dataset
from governance.policy.types import Principal
from governance.queries import principal_of, visible_datasets
from identity.models import User

_UUID_LENGTH = len("00000000-0000-0000-0000-000000000000")


def find_user(username: str) -> User:
    """The user of this name; CommandError where there is none."""
    found = User.objects.filter(username=username).first()
    if found is None:
        raise CommandError(f"there is no user `{username}`")
    return found


def find_principal(username: str) -> Principal:
    """The user of this name, as the kernel knows them; CommandError where there is none."""
    return principal_of(find_user(username))


def find_dataset(text: str, *, by: Principal | None = None) -> Dataset:
    """The dataset `namespace:name` or of this UUID; CommandError where there is none, or none that `by` may know of."""
    namespace, _, name = text.rpartition(":")
    found = Dataset.objects.filter(namespace=namespace, name=name).first() if namespace else None
    if found is None and len(text) == _UUID_LENGTH:
        try:
            found = Dataset.objects.filter(uuid=text).first()
        except ValueError:
            found = None
    if found is None or (by and not visible_datasets(by).filter(pk=found.pk).exists()):
        raise no_dataset(text)
    return found


def no_dataset(text: str) -> CommandError:
    """What to raise where there is no such dataset, or none to be told of."""
    return CommandError(f"there is no dataset `{text}`; expected namespace:name or its UUID")
