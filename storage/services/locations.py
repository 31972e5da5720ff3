"""The storage locations and tiers that every installation begins with."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from core import audit
from core.errors import ConflictError
from storage.backends import location_of, open_location
from storage.backends.errors import OutsideLocationError
from storage.models import StorageLocation, Tier
from storage.models.location import Backend, TierName

_BACKENDS = {"s3": Backend.S3, "file": Backend.LOCAL}

# Public list prices of Amazon S3, region us-east-1, first 50 TB (aws.amazon.com/s3/pricing): storage per GB-month,
# data retrieval per GB, PUT requests per object, minimum storage duration ("S3 storage classes").
_STANDARD = {
    "keep_price": Decimal("0.023"),
    "read_price": Decimal(0),
    "move_price": Decimal("0.000005"),
    "minimum_days": 0,
    "first_byte_ms": 50,
}
_STANDARD_IA = {
    "keep_price": Decimal("0.0125"),
    "read_price": Decimal("0.01"),
    "move_price": Decimal("0.00001"),
    "minimum_days": 30,
    "first_byte_ms": 50,
}


def ensure_default_locations_and_tiers(*, actor: str = "system") -> list[Tier]:
    """Make the hot and the cold tier of the settings, their locations and their buckets; idempotent.

    Prices that an operator changed stay. Raises ConflictError if a tier's location is another than the
    settings say (its bytes would be out of reach), BackendUnavailableError if a bucket cannot be made.
    """
    config = settings.LAKEWARDEN
    # Other S3-compatible stores refuse Amazon's class names; there the cold bucket itself is the class.
    on_amazon = config.s3.endpoint_url is None and config.cold_url.startswith("s3://")
    return [
        _ensure_tier(
            TierName.HOT, root=config.hot_url, facts={"rank": 0, **_STANDARD}, actor=actor
        ),
        _ensure_tier(
            TierName.COLD,
            root=config.cold_url,
            facts={
                "rank": 20,
                "storage_class": "STANDARD_IA" if on_amazon else "",
                **_STANDARD_IA,
            },
            actor=actor,
        ),
    ]


def tier_of(uri: str) -> Tier:
    """The tier whose location holds `uri`, the hottest of several; OutsideLocationError if none does."""
    location, _ = location_of(uri)
    tier = location.tiers.order_by("rank").first()
    if tier is None:
        raise OutsideLocationError("the URI lies in a storage location that has no tier")
    return tier


def _ensure_tier(name: TierName, *, root: str, facts: dict[str, Any], actor: str) -> Tier:
    root = root.rstrip("/")
    with transaction.atomic():
        location, is_new = StorageLocation.objects.get_or_create(
            root=root,
            defaults={"name": _free_name(name), "backend": _BACKENDS[urlsplit(root).scheme]},
        )
        tier, _ = Tier.objects.get_or_create(
            name=name,
            defaults={"location": location, **facts},
        )
        if tier.location_id != location.pk:
            raise ConflictError(
                f"tier `{name}` is at `{tier.location.root}`, but the settings say `{root}`: "
                "set it back, or change the tier's location after its bytes are there"
            )
        if is_new:
            audit.record(
                actor=actor,
                action="location.create",
                resource=f"location:{location.name}",
                payload={"root": root, "tier": name.value},
            )
    open_location(location).ensure_root()
    return tier


def _free_name(name: str) -> str:
    taken = set(StorageLocation.objects.values_list("name", flat=True))
    number = 1
    while (candidate := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return candidate
