"""`manage.py explain USER DATASET`: what the kernel answers, and why."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand

from governance.explanations import changes_to_allow
from governance.management.names import find_dataset, find_user
from governance.policy.counterfactual import Change
from governance.policy.types import Action, Decision
from governance.queries import decide_on, load_facts, principal_of


class Command(BaseCommand):
    help = "Explain what USER may do with DATASET (namespace:name or UUID), action by action."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("dataset", help="namespace:name, or the UUID")
        parser.add_argument("--action", choices=[str(a) for a in Action], help="only this one")
        parser.add_argument("--purpose", help="the purpose that the user would declare")

    def handle(self, *args: Any, **options: Any) -> None:
        principal = principal_of(find_user(options["user"]), purpose=options["purpose"])
        dataset = find_dataset(options["dataset"])
        facts = load_facts(principal)
        for action in [Action(options["action"])] if options["action"] else Action:
            decision = decide_on(principal, action, dataset, facts=facts)
            changes = changes_to_allow(principal, action, dataset, facts=facts)
            self._print(action, decision, changes)

    def _print(self, action: Action, decision: Decision, changes: Iterable[Change]) -> None:
        self.stdout.write(f"{action}: {decision.effect}")
        for reason in decision.reasons:
            version = f" v{reason.version}" if reason.version else ""
            self.stdout.write(f"  {reason.kind}{version}: {reason.text}")
        for change in changes:
            self.stdout.write(f"  would allow: {change.text}")
        if decision.obligations is None:
            return
        self.stdout.write(f"  rows: {decision.obligations.row_filter or 'all'}")
        for rule in decision.obligations.columns:
            mask = f", masked by {rule.mask}" if rule.mask else ""
            when = f", only where {rule.visible_when}" if rule.visible_when else ""
            self.stdout.write(f"  column {rule.name} ({rule.type}){mask}{when}")
