"""`manage.py retention apply|export|retire|run`: rules of retention kept as files, and what they delete."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from core.errors import LakewardenError
from governance.management.names import find_dataset, find_principal
from governance.models import RetentionRule
from governance.policy.documents import dump_documents, load_documents
from governance.services.retention import retire_retention_rule, save_retention_rule
from identity.management.acting import ActingCommand
from storage.services.retention import apply_retention, retained_datasets


class Command(ActingCommand):
    help = "Apply, export or retire rules of retention (YAML), and see or do what they delete."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="put each rule of the file in force, all or none")
        apply.add_argument("file", type=Path)
        verbs.add_parser("export", help="write what is in force")
        retire = verbs.add_parser("retire", help="take a rule out of force")
        retire.add_argument("name")
        for each in (apply, retire):
            each.add_argument("--by", required=True, help="the user in whose name it is done")
        run = verbs.add_parser("run", help="show what is due, one bounded step a dataset")
        run.add_argument("--dataset", default="", help="namespace:name, or the UUID; default: all")
        run.add_argument("--delete", action="store_true", help="delete it, as the schedule does")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(**options)
        except (LakewardenError, OSError) as error:
            raise CommandError(str(error)) from error

    def _apply(self, *, file: Path, by: str, **_: Any) -> None:
        author = find_principal(by)
        with transaction.atomic():
            for document in load_documents(file.read_text()):
                row = save_retention_rule(document, by=author)
                self.stdout.write(f"{row.name}: version {row.version} is in force")

    def _export(self, **_: Any) -> None:
        rows = RetentionRule.objects.filter(retired_at=None)
        self.stdout.write(dump_documents(row.document for row in rows))

    def _retire(self, *, name: str, by: str, **_: Any) -> None:
        row = RetentionRule.objects.filter(name=name).first()
        if row is None:
            raise CommandError(f"there is no rule `{name}`")
        retire_retention_rule(row, by=find_principal(by))
        self.stdout.write(f"{name}: retired")

    def _run(self, *, dataset: str, delete: bool, **_: Any) -> None:
        datasets = [find_dataset(dataset)] if dataset else retained_datasets()
        for each in datasets:
            for due in apply_retention(each, dry_run=not delete, actor="command"):
                verb = "deleted" if delete else "due"
                kept = f" kept: {'; '.join(due.kept)}" if due.kept else ""
                before = f"{due.before:%Y-%m-%dT%H:%M:%SZ}"
                more = ", more with the next step" if due.more else ""
                self.stdout.write(
                    f"{each} {due.rule}: {due.count} {due.what} {verb} before {before}{more}{kept}"
                )
