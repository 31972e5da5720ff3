"""`manage.py sweep_orphans`: list the files that no snapshot names, and remove them with `--delete`."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import LakewardenError
from storage.models import IcebergTable
from storage.services.orphans import DEFAULT_AGE, sweep_orphans
from storage.services.tables import get_table


class Command(BaseCommand):
    help = "List files of tables that no snapshot names; with --delete, remove them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "tables", nargs="*", help="namespace.table; all tables if none is given"
        )
        parser.add_argument(
            "--older-than",
            type=float,
            default=DEFAULT_AGE.total_seconds() / 3600,
            metavar="HOURS",
            help="leave younger files alone (default %(default)s, at least 2)",
        )
        parser.add_argument("--delete", action="store_true", help="remove what is listed")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for table in _tables(options["tables"]):
            failed += self._sweep(
                table,
                older_than=timedelta(hours=options["older_than"]),
                dry_run=not options["delete"],
            )
        if failed:
            raise CommandError(f"{failed} tables could not be swept")

    def _sweep(self, table: IcebergTable, *, older_than: timedelta, dry_run: bool) -> int:
        try:
            report = sweep_orphans(table, older_than=older_than, dry_run=dry_run)
        except LakewardenError as error:
            self.stderr.write(f"{table}: {error.message}")
            return 1
        for each in report.orphans:
            self.stdout.write(f"{each.uri}\t{each.size}\t{each.modified_at:%Y-%m-%dT%H:%M:%SZ}")
        done = "dry run" if dry_run else f"{report.removed} removed"
        self.stdout.write(f"{table}: {len(report.orphans)} orphans, {report.size} bytes; {done}")
        return 0


def _tables(names: list[str]) -> list[IcebergTable]:
    if not names:
        return list(IcebergTable.objects.select_related("namespace", "dataset").order_by("pk"))
    try:
        return [get_table(name.split(".")) for name in names]
    except LakewardenError as error:
        raise CommandError(error.message) from error
