"""The audit log: records that are only ever added, signed checkpoints over their Merkle tree (RFC 9162), persons' keys."""

from django.contrib.postgres.functions import TransactionNow
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
    # When its transaction began, which is also the time of each row of history that the transaction wrote: so who
    # changed a fact is found. None for records from before.
    transaction_at = models.DateTimeField(
        null=True, db_default=TransactionNow(), editable=False, db_index=True
    )
    # Copies for search only; the truth is the payload. Persons are here by pseudonym (AuditSubject).
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


class AuditSubject(models.Model):
    """A person's name and data key, wrapped by the master key. Erasing both makes what is sealed with it unreadable.

    The pseudonym stays: records hold it. `digest` is how a name is found; two rows may share one.
    """

    digest = models.BinaryField(max_length=32, null=True, db_index=True)
    pseudonym = models.CharField(max_length=40, unique=True)
    wrapped = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=utc_now)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.pseudonym


class AuditTile(models.Model):
    """256 neighbouring hashes of the tree: leaves at level 0, roots of whole tiles of the level below above that.

    Only whole tiles are kept, so that a proof reads a few rows (the idea is C2SP's tlog-tiles).
    """

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()
    root = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["level", "index"]
        constraints = [
            models.UniqueConstraint(fields=["level", "index"], name="audit_tile_is_one"),
        ]

    def __str__(self) -> str:
        return f"tile {self.index} of level {self.level}"


class AuditSegment(models.Model):
    """Records `first` to `end - 1`, copied to an object store as `uri`; planned before it is written."""

    first = models.BigIntegerField(unique=True)
    end = models.BigIntegerField(unique=True)
    uri = models.CharField(max_length=1100, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(null=True)
    retained_until = models.DateTimeField(null=True)
    planned_at = models.DateTimeField(default=utc_now)
    written_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return f"audit records {self.first} to {self.end - 1}"
