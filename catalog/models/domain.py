"""Domains: a tree of responsibility. Grants and stewardship on a domain hold below it."""

import pghistory
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models

MAX_DOMAIN_DEPTH = 12


@pghistory.track()
class Domain(models.Model):
    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )

    class Meta:
        ordering = ["name"]
        permissions = [
            ("discover_domain", "Can discover what is in the domain"),
            ("read_domain", "Can read data in the domain"),
            ("write_domain", "Can write data in the domain"),
            ("manage_domain", "Can manage what is in the domain"),
            ("approve_domain", "Can approve requests in the domain"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a cycle and a tree that is too deep."""
        seen = {self.pk}
        node = self.parent
        while node is not None:
            if node.pk in seen or len(seen) > MAX_DOMAIN_DEPTH:
                raise ValidationError(
                    {"parent": "a domain cannot lie below itself or 12 levels deep"}
                )
            seen.add(node.pk)
            node = node.parent


@pghistory.track()
class DomainSteward(models.Model):
    """A user or a group that answers for a domain and all below it."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="stewards")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE
    )
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(group=None),
                name="steward_is_user_or_group",
            ),
            models.UniqueConstraint(
                fields=["domain", "user", "group"], nulls_distinct=False, name="steward_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group} for {self.domain}"
