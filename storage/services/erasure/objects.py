"""A person out of an object collection: rows, bytes, and the copies that movements made or left."""

from django.db import transaction

from catalog.models import Dataset
from governance.models import ErasureStep
from storage.models import CollectionObject, Movement
from storage.services.collections import record_collection_version
from storage.services.erasure.matching import Matcher
from storage.services.erasure.scanning import scan_objects
from storage.services.erasure.tables import remove_doomed
from storage.services.gate import require_deletable


def erase_from_collection(step: ErasureStep, dataset: Dataset, matcher: Matcher) -> None:
    """Remove the person's objects. The journal names the bytes in the transaction that removes the rows which do."""
    found = [each.pk for each in scan_objects(dataset.pk, matcher).objects]
    if found:
        with transaction.atomic():
            require_deletable(dataset)
            # As every writer of a collection: one at a time.
            Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
            rows = CollectionObject.objects.select_for_update().filter(pk__in=found)
            doomed = {row.uri: row.sha256 for row in rows}
            for movement in Movement.objects.filter(held_object__in=found):
                doomed |= dict.fromkeys((movement.source_uri, movement.target_uri), "") | doomed
            step.doomed = {**doomed, **step.doomed}
            step.done["objects"] = step.done.get("objects", 0) + len(found)
            CollectionObject.objects.filter(pk__in=found).delete()
            record_collection_version(dataset)
            step.save(update_fields=["doomed", "done"])
    remove_doomed(step, dataset, set(), matcher.forms)
