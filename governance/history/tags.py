"""The names that tags had."""

from collections.abc import Collection
from datetime import datetime

from catalog.models import DatasetTag, Tag
from governance.history.rows import as_of


def tag_names(tags: Collection[int], *, at: datetime) -> dict[int, str]:
    """The names of these tags (ids) at `at`, by which the policies of then spoke; of younger ones those of today."""
    names = dict(Tag.objects.filter(pk__in=tags).values_list("pk", "name"))
    return names | dict(as_of(Tag, at).filter(pgh_obj__in=tags).values_list("pgh_obj_id", "name"))


def dataset_tags(dataset: int, *, at: datetime, hindsight: bool) -> frozenset[str]:
    """The tags on the dataset (id) at `at`; with `hindsight` those that are on it today."""
    rows = DatasetTag.objects.all() if hindsight else as_of(DatasetTag, at)
    tags = set(rows.filter(dataset=dataset).values_list("tag_id", flat=True))
    return frozenset(tag_names(tags, at=at).values())
