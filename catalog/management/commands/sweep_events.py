"""`manage.py sweep_events`: tell which raw lineage events are old, and remove them with `--delete`."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.services.events import sweep_events
from core.errors import LakewardenError


class Command(BaseCommand):
    help = "List months of raw lineage events that are old; with --delete, remove them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("days", type=int, help="keep events of the last DAYS days")
        parser.add_argument("--delete", action="store_true", help="remove what is listed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = sweep_events(
                older_than=timedelta(days=options["days"]),
                dry_run=not options["delete"],
                actor="command",
            )
        except LakewardenError as error:
            raise CommandError(error.message) from error
        for name in found.partitions:
            self.stdout.write(name.removeprefix("catalog_runevent_").replace("_", "-"))
        done = "removed" if found.removed else "dry run"
        self.stdout.write(
            f"{len(found.partitions)} months ({found.size} bytes) and {found.stray_rows} other events"
            f" before {found.cutoff:%Y-%m-%d}: {done}"
        )
