"""Leases: one holder at a time for a stream of bounded tasks."""

from django.db import models
from django.db.models.functions import Now


class Lease(models.Model):
    """`fencing_token` grows with every new holder: a commit of an old one is refused, however late it comes.

    Kleppmann, "How to do distributed locking", 2016.
    """

    name = models.CharField(max_length=200, unique=True)
    holder = models.CharField(max_length=200)
    fencing_token = models.BigIntegerField(default=1)
    taken_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} by {self.holder} ({self.fencing_token})"
