"""`manage.py export_audit`: the sealed log as lines of JSON, for `verify_audit.py`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import LakewardenError
from governance.auditing.export import export_log


class Command(BaseCommand):
    help = "Write the sealed audit log as NDJSON up to the newest checkpoint; the export is recorded in the log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--from", type=int, default=0, dest="first", help="first record, 0")
        parser.add_argument("--to", type=int, dest="end", help="size of a checkpoint, the newest")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = export_log(by="command", first=options["first"], end=options["end"])
            with options["file"].open("wb") as file:
                file.writelines(lines)
        except (LakewardenError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"wrote {options['file']}")
