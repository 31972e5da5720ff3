"""Sources of data: what they are called, and where they are."""

from django.db import transaction

from catalog.connection_urls import may_hold_credentials, without_credentials
from catalog.models import Dataset, DataSource
from catalog.models.namespace import MAX_CONNECTION_URL, MAX_SOURCE_NAME
from core import audit
from core.errors import InvalidInputError
from identity.models import User

MAX_TYPE = 100
MAX_DESCRIPTION = 100_000


@transaction.atomic
def save_source(
    *,
    name: str,
    kind: str,
    connection_url: str,
    description: str | None,
    by: User,
) -> DataSource:
    """The source of this name, made or changed; a description of None leaves the former.

    Credentials are taken out of the URL before it is stored or audited; InvalidInputError if one may be left in it.
    """
    bare = without_credentials(connection_url)
    _check(name=name, kind=kind, url=bare, description=description or "")
    DataSource.objects.bulk_create(
        [DataSource(name=name, type="", connection_url="", created_by=by)], ignore_conflicts=True
    )
    row = DataSource.objects.select_for_update().get(name=name)
    wanted = {
        "type": kind.upper(),
        "connection_url": bare,
        "description": row.description if description is None else description,
    }
    if all(getattr(row, key) == value for key, value in wanted.items()):
        return row
    for key, value in wanted.items():
        setattr(row, key, value)
    row.save(update_fields=[*wanted, "updated_at"])
    audit.record(actor=by.username, action="source.save", resource=f"source:{name}", payload=wanted)
    return row


@transaction.atomic
def link_source(source: DataSource, *, dataset: Dataset, by: User) -> None:
    """The dataset is at this source, and at no other from now on; a second call changes nothing."""
    if list(dataset.data_sources.all()) == [source]:
        return
    dataset.data_sources.set([source])
    audit.record(
        actor=by.username,
        action="dataset.set_source",
        resource=dataset.node_id,
        payload={"source": source.name},
    )


def _check(*, name: str, kind: str, url: str, description: str) -> None:
    if not 0 < len(name) <= MAX_SOURCE_NAME:
        raise InvalidInputError(f"a source's name has 1 to {MAX_SOURCE_NAME} characters")
    if not 0 < len(kind) <= MAX_TYPE:
        raise InvalidInputError(f"`type` must have 1 to {MAX_TYPE} characters")
    if not 0 < len(url) <= MAX_CONNECTION_URL:
        raise InvalidInputError(f"`connectionUrl` must have 1 to {MAX_CONNECTION_URL} characters")
    if may_hold_credentials(url):
        raise InvalidInputError("`connectionUrl` must hold no user name and no password")
    if len(description) > MAX_DESCRIPTION:
        raise InvalidInputError(f"`description` has at most {MAX_DESCRIPTION} characters")
