"""Background work of `query`: ids in, one service call."""

from celery import shared_task

from catalog.models import Dataset


@shared_task(name="query.classify_dataset", acks_late=True, time_limit=120)
def classify_dataset(*, dataset_id: int) -> None:
    """Suggest labels for a dataset whose schema changed; nothing to do if it is gone."""
    # DuckDB and the dictionaries of names are 40 MB that the other workers need not hold.
    from query.classification import classify_dataset as classify

    dataset = Dataset.objects.live().filter(pk=dataset_id).first()
    if dataset is not None:
        classify(dataset)
