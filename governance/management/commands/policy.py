"""`manage.py policy apply|diff|export|test`: policies kept as files, reviewed like code."""

import difflib
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from catalog.models import Dataset
from core.errors import LakewardenError
from governance.facts import load_domains
from governance.management.names import find_principal
from governance.models import PolicyStatus, PolicyVersion
from governance.policy.anchors import scope_predicate
from governance.policy.documents import dump_documents, load_documents, parse_policy
from governance.restriction import to_condition
from governance.services.policies import check_policy, publish_policy, save_policy_draft


class Command(BaseCommand):
    help = (
        "Apply, compare, export or test policy documents (YAML, several in a file, split by ---)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="publish each document that differs, all or none")
        apply.add_argument("file", type=Path)
        apply.add_argument("--by", required=True, help="the user in whose name it is done")
        diff = verbs.add_parser("diff", help="what apply would change; exit 1 if anything")
        diff.add_argument("file", type=Path)
        export = verbs.add_parser("export", help="write what is in force")
        export.add_argument("file", type=Path, nargs="?")
        test = verbs.add_parser(
            "test", help="check documents against the catalog, changing nothing"
        )
        test.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(**options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _apply(self, *, file: Path, by: str, **_: Any) -> None:
        author = find_principal(by)
        current = _published()
        with transaction.atomic():
            for document in _read(file):
                if current.get(document["name"]) == document:
                    self.stdout.write(f"{document['name']}: unchanged")
                    continue
                version = publish_policy(save_policy_draft(document, by=author), by=author)
                self.stdout.write(f"{version.policy.name}: published version {version.number}")

    def _diff(self, *, file: Path, **_: Any) -> None:
        current = _published()
        differs = False
        for document in _read(file):
            lines = list(_compared(current.get(document["name"]), document))
            differs = differs or bool(lines)
            for line in lines:
                self.stdout.write(line)
        if differs:
            raise CommandError("the file differs from what is in force", returncode=1)

    def _export(self, *, file: Path | None, **_: Any) -> None:
        text = dump_documents(_published().values())
        if file is None:
            self.stdout.write(text)
        else:
            file.write_text(text)

    def _test(self, *, file: Path, **_: Any) -> None:
        domains = load_domains()
        ids = {domain.path: domain.id for domain in domains.values()}
        failed = False
        for document in _read(file):
            policy = parse_policy(document)
            condition = to_condition(scope_predicate(policy.scope, ids), domains=domains)
            count = Dataset.objects.live().filter(condition).count()
            problems = check_policy(policy)
            failed = failed or bool(problems)
            self.stdout.write(f"{policy.name}: applies to {count} datasets")
            for problem in problems:
                self.stdout.write(f"  {problem}")
        if failed:
            raise CommandError("some documents do not fit the catalog", returncode=1)


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        text = file.read_text()
    except OSError as error:
        raise CommandError(f"`{file}` cannot be read: {error.strerror}") from error
    documents = load_documents(text)
    names = [parse_policy(document).name for document in documents]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise CommandError(f"policy `{min(doubled)}` is in the file twice")
    return documents


def _published() -> dict[str, dict[str, Any]]:
    rows = PolicyVersion.objects.filter(status=PolicyStatus.PUBLISHED)
    return {
        row.policy.name: row.document
        for row in rows.select_related("policy").order_by("policy__name")
    }


def _compared(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """A unified diff of two documents, empty where they say the same."""
    if before == after:
        return []
    old = [] if before is None else dump_documents([before]).splitlines()
    new = dump_documents([after]).splitlines()
    return list(difflib.unified_diff(old, new, "in force", str(after["name"]), lineterm=""))
