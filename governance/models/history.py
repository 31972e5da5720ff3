"""Since when the history of facts is whole."""

from django.db import models
from django.db.models.functions import Now


class HistoryBeginning(models.Model):
    """One row: every fact has a history since `complete_since`; from `installed_at` until then some were not kept yet.

    No row stands for a history that is whole since the installation.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    installed_at = models.DateTimeField(null=True)
    complete_since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="history_beginning_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"whole since {self.complete_since:%Y-%m-%dT%H:%M:%SZ}"
