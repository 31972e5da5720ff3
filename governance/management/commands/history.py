"""`manage.py history`: who could see a dataset at an instant, who did, what changed; as an auditor or as who manages it."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

import orjson
from django.core.management.base import CommandError

from core.errors import LakewardenError
from governance.history.asking import is_auditing
from governance.management.names import find_dataset, find_principal
from governance.policy.types import Action
from governance.services.history import (
    Window,
    ask_changes,
    ask_could_see,
    ask_reads,
    ask_who_could,
)
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Ask about the past of DATASET (namespace:name or UUID); the answer is JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question", choices=["access", "could", "reads", "changes"])
        parser.add_argument("dataset", help="namespace:name, or the UUID")
        parser.add_argument("--by", required=True, help="in whose name it is asked")
        parser.add_argument("--at", type=_instant, help="of `access` and `could`; now if not given")
        parser.add_argument(
            "--action", type=Action, default=Action.READ, choices=list(Action), metavar="ACTION"
        )
        parser.add_argument("--purpose", help="that the users would have declared")
        parser.add_argument("--user", help="of `could`; narrows `reads` and `changes`")
        parser.add_argument("--field", help="of `could`")
        parser.add_argument(
            "--row", type=orjson.loads, help="of `could`: values by column, as JSON"
        )
        parser.add_argument("--from", dest="since", type=_instant, help="of `reads` and `changes`")
        parser.add_argument("--to", dest="until", type=_instant)
        parser.add_argument("--after", type=orjson.loads, help="the `next` of a former answer")
        parser.add_argument("--limit", type=int, default=50)

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_principal(options["by"])
        dataset = find_dataset(options["dataset"], by=None if is_auditing(by) else by)
        try:
            answer = _ask(str(dataset.uuid), by, options)
        except LakewardenError as error:
            raise CommandError(error.message) from error
        self.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())


def _ask(dataset: str, by: Any, options: dict[str, Any]) -> dict[str, Any]:
    question = options["question"]
    moment = {"at": options["at"], "action": options["action"], "purpose": options["purpose"]}
    if question == "access":
        return ask_who_could(
            dataset, by=by, after=options["after"] or 0, limit=options["limit"], **moment
        )
    if question == "could":
        if not options["user"]:
            raise CommandError("`could` needs --user")
        terms = {"username": options["user"], "field": options["field"], "row": options["row"]}
        return ask_could_see(dataset, by=by, **terms, **moment)
    if options["since"] is None:
        raise CommandError(f"`{question}` needs --from")
    window = Window(
        since=options["since"],
        until=options["until"],
        username=options["user"],
        after=options["after"],
        limit=options["limit"],
    )
    ask = ask_reads if question == "reads" else ask_changes
    return ask(dataset, by=by, window=window)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant needs its offset, like 2026-01-31T00:00:00Z")
    return found
