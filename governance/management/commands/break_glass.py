"""`manage.py break_glass break|list|review|allow|disallow`: reading in an emergency, and answering for it."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.errors import LakewardenError
from governance.glass import find_target, visible_breakings
from governance.management.names import find_dataset, find_principal, find_user
from governance.models import BreakGlass, Verdict
from governance.policy.types import Principal
from governance.services.break_glass import (
    break_glass,
    review_break_glass,
    set_may_break_glass,
)
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Read at once in an emergency, list what was broken, close a review, say who may."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        breaking = verbs.add_parser("break", help="let a person read a dataset or a domain at once")
        target = breaking.add_mutually_exclusive_group(required=True)
        target.add_argument("--dataset", default="", help="namespace:name, or the UUID")
        target.add_argument("--domain", default="", help="slug")
        breaking.add_argument("--reason", required=True)
        breaking.add_argument("--minutes", type=int, help="default: the longest that is allowed")
        listing = verbs.add_parser("list", help="what the person may see of it, newest first")
        listing.add_argument("--overdue", action="store_true", help="only with an overdue review")
        review = verbs.add_parser("review", help="close a review; `abuse` ends what still holds")
        review.add_argument("breaking", type=UUID)
        review.add_argument("verdict", choices=Verdict.values)
        review.add_argument("--comment", required=True)
        allow = verbs.add_parser("allow", help="let a person break the glass in an emergency")
        disallow = verbs.add_parser("disallow", help="take that permission away")
        for each in (allow, disallow):
            each.add_argument("user", help="user name")
        for each in (breaking, listing, review, allow, disallow):
            each.add_argument("--by", required=True, help="the user in whose name it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(find_principal(options["by"]), options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _break(self, by: Principal, options: dict[str, Any]) -> None:
        row = break_glass(
            _target(by, options), by=by, reason=options["reason"], minutes=options["minutes"]
        )
        self.stdout.write(self._line(row))

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        rows = visible_breakings(by)
        for row in rows.overdue(utc_now()) if options["overdue"] else rows:
            self.stdout.write(self._line(row))

    def _review(self, by: Principal, options: dict[str, Any]) -> None:
        row = visible_breakings(by).filter(uuid=options["breaking"]).first()
        if row is None:
            raise CommandError("there is no such breaking")
        closed = review_break_glass(
            row, by=by, verdict=options["verdict"], comment=options["comment"]
        )
        self.stdout.write(self._line(closed))

    def _allow(self, by: Principal, options: dict[str, Any]) -> None:
        set_may_break_glass(find_user(options["user"]), by=by, allowed=True)

    def _disallow(self, by: Principal, options: dict[str, Any]) -> None:
        set_may_break_glass(find_user(options["user"]), by=by, allowed=False)

    @staticmethod
    def _line(row: BreakGlass) -> str:
        review = row.verdict or ("overdue" if row.is_overdue else "unreviewed")
        until = f"{row.ended_at or row.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{row.uuid} {row.user} {row.target} until {until} {review}: {row.reason}"


def _target(by: Principal, options: dict[str, Any]) -> Dataset | Domain:
    if options["domain"]:
        return find_target(by, domain=options["domain"])
    return find_target(by, dataset=str(find_dataset(options["dataset"], by=by).uuid))
