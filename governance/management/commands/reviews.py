"""`manage.py reviews`: findings that nobody has settled, or the search for new ones at once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from governance.models import ReviewItem, ReviewKind, ReviewState
from governance.services.filter_reviews import review_filters
from governance.services.label_reviews import review_labels


class Command(BaseCommand):
    help = "List the findings that are not settled, oldest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kind", choices=ReviewKind.values, help="only these")
        parser.add_argument(
            "--raise-now",
            action="store_true",
            help="first go through what was committed since the scheduled task last did",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["raise_now"]:
            self.stdout.write(f"{review_labels() + review_filters()} new")
        rows = ReviewItem.objects.exclude(state=ReviewState.RESOLVED).order_by("raised_at", "pk")
        if options["kind"]:
            rows = rows.filter(kind=options["kind"])
        for row in rows.select_related("dataset").iterator(chunk_size=500):
            self.stdout.write(
                f"{row.raised_at:%Y-%m-%dT%H:%M:%SZ} {row.state} {row.kind} {row.dataset}: {row.key} ({row.uuid})"
            )
