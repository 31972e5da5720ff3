"""`manage.py classify [DATASET …] [--all]`: suggest labels for fields that may hold personal data."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Dataset
from governance.management.names import find_dataset, no_dataset
from query.classification import classify_dataset


class Command(BaseCommand):
    help = "Sample datasets and suggest labels for their fields; stewards accept or reject them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("datasets", nargs="*", help="namespace:name, or the UUID")
        parser.add_argument("--all", action="store_true", help="every dataset")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["datasets"]) == options["all"]:
            raise CommandError("name datasets, or say --all")
        for dataset in _datasets(options["datasets"]):
            rows = classify_dataset(dataset)
            self.stdout.write(f"{dataset.namespace}:{dataset.name}: {len(rows)} suggested")
            for row in rows:
                name = row.field.name if row.field else "(the dataset)"
                self.stdout.write(f"  {name}: {row.label} ({row.confidence:.2f})")


def _datasets(texts: list[str]) -> Iterable[Dataset]:
    if not texts:
        return Dataset.objects.live().order_by("pk").iterator()
    return [_find(each) for each in texts]


def _find(text: str) -> Dataset:
    found = find_dataset(text)
    if found.deleted_at is not None:
        raise no_dataset(text)
    return found
