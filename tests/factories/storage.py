"""The hot and the cold location of the settings, each with its tier."""

from decimal import Decimal

from django.conf import settings

from storage.models import StorageLocation, Tier


def make_tiers() -> tuple[Tier, Tier]:
    """The hot tier and the cold tier, at the two buckets of the settings."""
    config = settings.LAKEWARDEN
    return tuple(
        Tier.objects.get_or_create(
            name=name,
            defaults={
                "rank": rank,
                "location": StorageLocation.objects.get_or_create(
                    root=url, defaults={"name": name, "backend": "s3"}
                )[0],
                "keep_price": Decimal(price),
                "read_price": Decimal("0.001"),
            },
        )[0]
        for rank, (name, url, price) in enumerate(
            [("hot", config.hot_url, "0.023"), ("cold", config.cold_url, "0.004")]
        )
    )
