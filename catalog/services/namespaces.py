"""What people say of namespaces, and deleting them."""

from django.db import transaction

from catalog.models import Namespace
from catalog.models.namespace import MAX_NAMESPACE_NAME
from core import audit
from core.errors import InvalidInputError
from identity.models import User

MAX_OWNER_NAME = 500
MAX_DESCRIPTION = 100_000


@transaction.atomic
def save_namespace(*, name: str, owner_name: str, description: str | None, by: User) -> Namespace:
    """The namespace's row with these words, made or changed; a description of None leaves the former.

    InvalidInputError if a text is missing or too long. Saving one that was deleted shows it again.
    """
    _check(name=name, owner_name=owner_name, description=description or "")
    Namespace.objects.bulk_create(
        [Namespace(name=name, owner_name=owner_name, created_by=by, hidden=True)],
        ignore_conflicts=True,
    )
    row = Namespace.objects.select_for_update().get(name=name)
    wanted = {
        "owner_name": owner_name,
        "description": row.description if description is None else description,
        "hidden": False,
    }
    if all(getattr(row, key) == value for key, value in wanted.items()):
        return row
    for key, value in wanted.items():
        setattr(row, key, value)
    row.save(update_fields=[*wanted, "updated_at"])
    audit.record(
        actor=by.username,
        action="namespace.save",
        resource=f"namespace:{name}",
        payload={"owner_name": owner_name, "description": row.description},
    )
    return row


@transaction.atomic
def hide_namespace(row: Namespace, *, by: User) -> None:
    """Show the namespace for its own sake no more; a second call changes nothing."""
    if Namespace.objects.filter(pk=row.pk, hidden=False).update(hidden=True):
        row.hidden = True
        audit.record(actor=by.username, action="namespace.delete", resource=f"namespace:{row.name}")


def _check(*, name: str, owner_name: str, description: str) -> None:
    if not 0 < len(name) <= MAX_NAMESPACE_NAME:
        raise InvalidInputError(f"a namespace has 1 to {MAX_NAMESPACE_NAME} characters")
    if not 0 < len(owner_name) <= MAX_OWNER_NAME:
        raise InvalidInputError(f"`ownerName` must have 1 to {MAX_OWNER_NAME} characters")
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
