"""`manage.py request_rule apply|export|retire`: rules of approval kept as files, reviewed like code."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from core.errors import LakewardenError
from governance.management.names import find_principal
from governance.models import RequestRule
from governance.policy.documents import dump_documents, load_documents
from governance.services.rules import retire_rule, save_rule
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Apply, export or retire rules of approval (YAML, several in a file, split by ---)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="put each rule of the file in force, all or none")
        apply.add_argument("file", type=Path)
        apply.add_argument("--by", required=True, help="the user in whose name it is done")
        verbs.add_parser("export", help="write what is in force")
        retire = verbs.add_parser("retire", help="take a rule out of force")
        retire.add_argument("name")
        retire.add_argument("--by", required=True, help="the user in whose name it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(**options)
        except (LakewardenError, OSError) as error:
            raise CommandError(str(error)) from error

    def _apply(self, *, file: Path, by: str, **_: Any) -> None:
        author = find_principal(by)
        with transaction.atomic():
            for document in load_documents(file.read_text()):
                row = save_rule(document, by=author)
                self.stdout.write(f"{row.name}: version {row.version} is in force")

    def _export(self, **_: Any) -> None:
        rows = RequestRule.objects.filter(retired_at=None)
        self.stdout.write(dump_documents(row.document for row in rows))

    def _retire(self, *, name: str, by: str, **_: Any) -> None:
        row = RequestRule.objects.filter(name=name).first()
        if row is None:
            raise CommandError(f"there is no rule `{name}`")
        retire_rule(row, by=find_principal(by))
        self.stdout.write(f"{name}: retired")
