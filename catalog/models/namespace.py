"""What people say of a namespace, and of a source of data. Both are implied by the datasets and jobs that bear them."""

from django.conf import settings
from django.db import models

from catalog.models.dataset import Dataset
from core.clock import utc_now

# As long as those of datasets and jobs.
MAX_NAMESPACE_NAME = 500
MAX_SOURCE_NAME = 500
MAX_CONNECTION_URL = 2_000


class Namespace(models.Model):
    """An owner's name and a description for a namespace, which may exist without this row and hold nothing yet."""

    name = models.CharField(max_length=MAX_NAMESPACE_NAME, unique=True)
    owner_name = models.CharField(max_length=500)
    description = models.TextField(blank=True)
    # Deleted: no longer shown for its own sake, only for what it holds.
    hidden = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DataSource(models.Model):
    """Where datasets are: a database, a broker. `connection_url` never holds a credential."""

    name = models.CharField(max_length=MAX_SOURCE_NAME, unique=True)
    type = models.CharField(max_length=100)
    connection_url = models.CharField(max_length=MAX_CONNECTION_URL)
    description = models.TextField(blank=True)
    # Those that a client declared to be there; who may see one of them may see the source.
    datasets = models.ManyToManyField(Dataset, related_name="data_sources", editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
