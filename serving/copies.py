"""What an erasure must know of models: what they learned cannot be taken out of them."""

from collections.abc import Collection

from serving.models import ModelVersion
from storage.services.erasure.copies import Copies, Remain


def copies_of(datasets: Collection[int]) -> Copies:
    """The versions of models that were trained on these datasets remain."""
    rows = ModelVersion.objects.filter(training_datasets__in=datasets).select_related("dataset")
    text = "model version {number} learned from the data: train it anew"
    return Copies(
        remains=[
            Remain("model", row.dataset.node_id, text.format(number=row.number))
            for row in rows.distinct().order_by("pk")
        ]
    )
