"""The audit log: records that are only ever added, and signed checkpoints over their Merkle tree (RFC 9162)."""

from django.db import models

from core.clock import utc_now


class AuditRecord(models.Model):
    """One event. `payload` is the canonical JSON that `leaf_hash` commits to; triggers refuse change and removal.

    A record is written in the transaction that it tells of, without an order, so that writers never wait for
    each other. `governance.seal_audit` gives committed records their gap-free `sequence` afterwards.
    """

    id = models.BigAutoField(primary_key=True)
    sequence = models.BigIntegerField(null=True, unique=True)
    at = models.DateTimeField(default=utc_now, db_index=True)
    # Copies for search only; the truth is the payload.
    actor = models.CharField(max_length=200, db_index=True)
    action = models.CharField(max_length=100, db_index=True)
    resource = models.CharField(max_length=1600, db_index=False)
    payload = models.BinaryField()
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(sequence=None), name="audit_not_yet_sealed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ} {self.actor} {self.action} {self.resource}"


class AuditCheckpoint(models.Model):
    """The root of the tree over the first `tree_size` records, signed with Ed25519."""

    tree_size = models.BigIntegerField(unique=True)
    root_hash = models.BinaryField(max_length=32)
    # Roots of the complete subtrees, left to right: enough to go on without reading the log again. They are not
    # trusted: they count only while they fold to `root_hash`.
    frontier = models.BinaryField(default=b"")
    signed_at = models.DateTimeField(default=utc_now)
    signature = models.BinaryField(max_length=64)
    key_id = models.CharField(max_length=64)

    class Meta:
        ordering = ["tree_size"]

    def __str__(self) -> str:
        return f"checkpoint of {self.tree_size}"
