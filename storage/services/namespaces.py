"""Writes to namespaces of the Iceberg catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from catalog.models import Domain
from core import audit
from storage.models import IcebergNamespace
from storage.tables.errors import (
    AlreadyExistsError,
    InvalidTableError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
)
from storage.tables.locations import check_location
from storage.tables.names import check_levels, dotted

# The slug of the domain that tables of the namespace are created in; inherited by namespaces below.
DOMAIN_PROPERTY = "lakewarden.domain"
LOCATION_PROPERTY = "location"
MAX_PROPERTIES = 100
MAX_PROPERTY_LENGTH = 4000


@dataclass(frozen=True, slots=True)
class PropertiesChange:
    """What an update of properties did."""

    updated: tuple[str, ...]
    removed: tuple[str, ...]
    missing: tuple[str, ...]


def create_namespace(
    *, levels: Sequence[str], properties: Mapping[str, str] | None = None, actor: str = "system"
) -> IcebergNamespace:
    """Create a namespace; its parents need not exist. Raises AlreadyExistsError, InvalidTableError."""
    checked = check_levels(levels)
    kept = check_properties(properties or {})
    try:
        with transaction.atomic():
            namespace = IcebergNamespace.objects.create(levels=list(checked), properties=kept)
            _record("namespace.create", namespace, actor, {"properties": kept})
    except IntegrityError as error:
        raise AlreadyExistsError(f"namespace `{dotted(checked)}` already exists") from error
    return namespace


def drop_namespace(*, levels: Sequence[str], actor: str = "system") -> None:
    """Remove an empty namespace. Raises NoSuchNamespaceError, NamespaceNotEmptyError."""
    with transaction.atomic():
        namespace = get_namespace(levels, lock=True)
        depth = len(levels)
        below = IcebergNamespace.objects.filter(**{f"levels__0_{depth}": list(levels)})
        if namespace.tables.exists() or below.exclude(pk=namespace.pk).exists():
            raise NamespaceNotEmptyError(f"namespace `{dotted(levels)}` is not empty")
        _record("namespace.drop", namespace, actor, {})
        namespace.delete()


def update_namespace_properties(
    *,
    levels: Sequence[str],
    updates: Mapping[str, str],
    removals: Sequence[str] = (),
    actor: str = "system",
) -> PropertiesChange:
    """Set and remove properties in one transaction. Raises NoSuchNamespaceError, InvalidTableError."""
    both = sorted(set(updates) & set(removals))
    if both:
        raise InvalidTableError(f"property `{both[0]}` is both updated and removed")
    with transaction.atomic():
        namespace = get_namespace(levels, lock=True)
        removed = tuple(key for key in removals if key in namespace.properties)
        kept = {key: value for key, value in namespace.properties.items() if key not in removed}
        namespace.properties = check_properties({**kept, **updates})
        namespace.save(update_fields=["properties"])
        changed = {"updates": dict(updates), "removed": list(removed)}
        _record("namespace.update", namespace, actor, changed)
    missing = tuple(key for key in removals if key not in removed)
    return PropertiesChange(updated=tuple(updates), removed=removed, missing=missing)


def get_namespace(levels: Sequence[str], *, lock: bool = False) -> IcebergNamespace:
    """The namespace of this name, or NoSuchNamespaceError; `lock` keeps it from being dropped meanwhile."""
    found = IcebergNamespace.objects.filter(levels=list(levels))
    if lock:
        found = found.select_for_update()
    namespace = found.first()
    if namespace is None:
        raise NoSuchNamespaceError(f"namespace `{dotted(levels)}` does not exist")
    return namespace


def domain_of(levels: Sequence[str]) -> Domain | None:
    """The domain that new tables of the namespace are in: its own, or that of the nearest one above."""
    above = [list(levels[:depth]) for depth in range(1, len(levels) + 1)]
    namespaces = IcebergNamespace.objects.filter(levels__in=above)
    nearest_first = sorted(namespaces, key=lambda each: -len(each.levels))
    for namespace in nearest_first:
        slug = namespace.properties.get(DOMAIN_PROPERTY)
        if slug:
            return Domain.objects.filter(slug=slug).first()
    return None


def check_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """`properties` if a namespace may have them, else InvalidTableError."""
    if len(properties) > MAX_PROPERTIES:
        raise InvalidTableError(f"at most {MAX_PROPERTIES} properties were expected")
    for key, value in properties.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidTableError("each property must be a text")
        if len(key) + len(value) > MAX_PROPERTY_LENGTH:
            raise InvalidTableError(f"a property has at most {MAX_PROPERTY_LENGTH} characters")
    slug = properties.get(DOMAIN_PROPERTY)
    if slug is not None and not Domain.objects.filter(slug=slug).exists():
        raise InvalidTableError(f"property `{DOMAIN_PROPERTY}` must be the slug of a domain")
    if LOCATION_PROPERTY in properties:
        check_location(properties[LOCATION_PROPERTY])
    return dict(properties)


def _record(
    action: str, namespace: IcebergNamespace, actor: str, payload: Mapping[str, object]
) -> None:
    audit.record(actor=actor, action=action, resource=f"iceberg:{namespace}", payload=dict(payload))
