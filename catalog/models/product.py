"""Data products: datasets that a domain offers together, and who answers for the offer."""

import pghistory
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Lower

from catalog.models.dataset import Dataset
from catalog.models.domain import Domain
from core.clock import utc_now
from core.ids import uuid7


class ProductStatus(models.TextChoices):
    """The stages of ODPS 1.0 (Bitol), which ODCS uses for contracts as well."""

    PROPOSED = "proposed", "proposed"
    DRAFT = "draft", "draft"
    ACTIVE = "active", "active"
    DEPRECATED = "deprecated", "deprecated"
    RETIRED = "retired", "retired"


class PortDirection(models.TextChoices):
    INPUT = "input", "the product is made from it"
    OUTPUT = "output", "the product offers it"


@pghistory.track()
class DataProduct(models.Model):
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="products")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=12, choices=ProductStatus, default=ProductStatus.DRAFT)
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(Lower("name"), "domain", name="product_once_in_its_domain"),
        ]
        indexes = [models.Index(fields=["name", "id"], name="product_by_name")]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class DataProductOwner(models.Model):
    """A user or a group that answers for a product."""

    product = models.ForeignKey(DataProduct, on_delete=models.CASCADE, related_name="owners")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE
    )
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(group=None),
                name="product_owner_is_user_or_group",
            ),
            models.UniqueConstraint(
                fields=["product", "user", "group"],
                nulls_distinct=False,
                name="product_owner_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.user or self.group)


@pghistory.track()
class DataProductPort(models.Model):
    """A dataset through which a product is fed or offered."""

    product = models.ForeignKey(DataProduct, on_delete=models.CASCADE, related_name="ports")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="product_ports")
    direction = models.CharField(max_length=6, choices=PortDirection, default=PortDirection.OUTPUT)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "dataset", "direction"], name="product_port_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.dataset}"
