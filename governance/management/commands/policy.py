"""`manage.py policy apply|diff|export|test|simulate|publish|lint`: policies kept as files, reviewed like code."""

import difflib
import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db import transaction

from catalog.models import Dataset
from core.errors import LakewardenError
from governance.facts import load_domains
from governance.management.names import find_principal
from governance.models import PolicyStatus, PolicyVersion, SimulationState
from governance.policy.anchors import scope_predicate
from governance.policy.documents import dump_documents, load_documents, parse_policy
from governance.restriction import to_condition
from governance.services.policies import check_policy, publish_policy, save_policy_draft
from governance.services.simulations import (
    policy_findings,
    publish_simulation,
    start_simulation,
)
from governance.simulation.document import load_draft
from governance.simulation.results import tell_result, visible_simulations
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = (
        "Apply, compare, export, test or lint policy documents (YAML, several in a file, split by ---); "
        "simulate a draft of changes and publish it."
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
        simulate = verbs.add_parser("simulate", help="what a draft of changes would do")
        simulate.add_argument("file", type=Path)
        simulate.add_argument("--by", required=True, help="the user in whose name it is asked")
        simulate.add_argument("--days", type=int, default=0, help="replay so many days of the log")
        simulate.add_argument("--after", type=int, default=0, help="go on where a result was cut")
        publish = verbs.add_parser("publish", help="make the changes of a simulated draft")
        publish.add_argument("simulation", type=UUID)
        publish.add_argument("--by", required=True, help="the user in whose name it is done")
        lint = verbs.add_parser("lint", help="dead, shadowed and conflicting policies in force")
        lint.add_argument("--by", required=True, help="the user who may write them")

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

    def _simulate(self, *, file: Path, by: str, days: int, after: int, **_: Any) -> None:
        author = find_principal(by)
        row = start_simulation(
            load_draft(_text(file)), by=author, days=days, after=after, at_once=True
        )
        if row.state == SimulationState.FAILED:
            raise CommandError(row.error)
        self.stdout.write(f"simulation {row.uuid}")
        self.stdout.write(json.dumps(tell_result(row, reader=author), indent=2))

    def _publish(self, *, simulation: UUID, by: str, **_: Any) -> None:
        author = find_principal(by)
        row = visible_simulations(author).filter(uuid=simulation).first()
        if row is None:
            raise CommandError(f"there is no simulation `{simulation}`")
        done = publish_simulation(row, by=author)
        changed = "have changed" if done.facts_changed else "are the same"
        self.stdout.write(f"published; the facts {changed} since the simulation")

    def _lint(self, *, by: str, **_: Any) -> None:
        found = policy_findings(find_principal(by))
        for each in found:
            others = f" by {', '.join(each['others'])}" if each["others"] else ""
            self.stdout.write(f"{each['policy']}: {each['kind']}{others}: {each['evidence']}")
        if not found:
            self.stdout.write("nothing found")


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise CommandError(f"`{file}` cannot be read: {error.strerror}") from error


def _read(file: Path) -> list[dict[str, Any]]:
    documents = load_documents(_text(file))
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
