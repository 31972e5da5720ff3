"""The log of changed facts: what lets each process keep what it derived from them, and know at once what no longer holds."""

from django.db import models
from django.db.models.functions import Now


class FactKind(models.IntegerChoices):
    """What changed. The meaning of `key` and `value` is in brackets; an INVARIANT shared with the triggers."""

    RESET = 0, "a table was emptied: keep nothing"
    DATASET_BORN = 1, "a dataset was entered (dataset)"
    DATASET_CHANGED = 2, "name, kind, domain or life of a dataset changed (dataset)"
    USER_GRANT = 3, "a grant to a user (user)"
    GROUP_GRANT = 4, "a grant to a group (group)"
    USER_OWNER = 5, "a user owns a dataset, or no more (user, dataset)"
    GROUP_OWNER = 6, "a group owns a dataset, or no more (group, dataset)"
    DATASET_TAG = 7, "a tag on a dataset (tag, dataset)"
    FIELD_TAG = 8, "a tag on a field (tag, field)"
    DOMAIN = 9, "the domain tree or its stewards"
    POLICY = 10, "a policy version"
    FIELD = 11, "a field came, went or moved to another dataset (dataset)"
    TAG = 12, "a tag was made, renamed or removed"
    TEXT = 13, "the searched words of a dataset (dataset)"


class FactLog(models.Model):
    """One changed fact, written by trigger in the transaction of the change. Nobody waits for anybody.

    Commits may overtake each other, so a reader never goes by `seq`: it takes exactly the entries of the transactions
    that its former snapshot did not see (`governance.effective.log`). Old entries are removed by `trim_fact_log`.
    """

    seq = models.BigAutoField(primary_key=True)
    # The writing transaction (`pg_current_xact_id()`), as a 64-bit number.
    xid = models.BigIntegerField(db_index=True)
    kind = models.SmallIntegerField(choices=FactKind)
    key = models.BigIntegerField(default=0)
    value = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {FactKind(self.kind).label}"


class FactLogMark(models.Model):
    """That at `at` every transaction below `horizon` had ended: what was logged below it an hour ago is known to all.

    `life` is the server's (`governance.effective.log`): in another one the same numbers mean other transactions.
    """

    at = models.DateTimeField(db_default=Now(), db_index=True)
    horizon = models.BigIntegerField()
    life = models.CharField(max_length=200)

    class Meta:
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ} {self.horizon}"
