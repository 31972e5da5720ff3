"""`manage.py delegation --by USER list|create|end`: who is away, and who decides for them meanwhile."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Q

from catalog.models import Dataset, Domain
from core.clock import utc_now
from core.errors import LakewardenError
from governance.management.names import find_dataset, find_principal, find_user
from governance.models import Delegation
from governance.policy.types import Principal
from governance.queries import get_visible_domain
from governance.services.delegations import delegate_decisions, end_delegation
from governance.vocabulary import is_administrator
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Absences and delegations, in the name of who is away or of an administrator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, help="the user in whose name it is done")
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser(
            "list", help="one's own and those to oneself; an administrator's: all"
        )
        listing.add_argument("--active", action="store_true", help="only those that hold now")
        create = verbs.add_parser("create", help="from now or a later day on")
        create.add_argument("--person", help="who is away; without one who does it")
        create.add_argument("--to", help="who decides for them; without one those next in line")
        create.add_argument("--in-days", type=float, default=0, help="it begins after so many days")
        create.add_argument("--days", type=float, required=True, help="how long it lasts")
        place = create.add_mutually_exclusive_group()
        place.add_argument("--dataset", help="only there: namespace:name, or the UUID")
        place.add_argument("--domain", help="only there: the slug")
        end = verbs.add_parser("end", help="end it now")
        end.add_argument("delegation", help="the UUID")

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_principal(options["by"])
        try:
            getattr(self, f"_{options['verb']}")(by, options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        rows = _visible(by)
        if options["active"]:
            now = utc_now()
            rows = rows.filter(ended_at=None, starts_at__lte=now, ends_at__gt=now)
        for row in rows:
            self._print(row)

    def _create(self, by: Principal, options: dict[str, Any]) -> None:
        starts = utc_now() + timedelta(days=options["in_days"])
        row = delegate_decisions(
            by=by,
            person=find_user(options["person"] or by.username),
            delegate=find_user(options["to"]) if options["to"] else None,
            starts_at=starts,
            ends_at=starts + timedelta(days=options["days"]),
            target=_target(by, options),
        )
        self._print(row)

    def _end(self, by: Principal, options: dict[str, Any]) -> None:
        try:
            found = _visible(by).filter(uuid=UUID(options["delegation"])).first()
        except ValueError:
            found = None
        if found is None:
            raise CommandError("there is no such delegation")
        self._print(end_delegation(found, by=by))

    def _print(self, row: Delegation) -> None:
        ends = row.ended_at or row.ends_at
        self.stdout.write(
            f"{row.uuid} {row.starts_at:%Y-%m-%dT%H:%MZ} {ends:%Y-%m-%dT%H:%MZ} {row}"
        )


def _visible(by: Principal) -> Any:
    rows = Delegation.objects.select_related("person", "delegate")
    if is_administrator(by):
        return rows
    return rows.filter(Q(person=by.id) | Q(delegate=by.id))


def _target(by: Principal, options: dict[str, Any]) -> Dataset | Domain | None:
    if options["dataset"]:
        return find_dataset(options["dataset"], by=by)
    return get_visible_domain(by, options["domain"]) if options["domain"] else None
