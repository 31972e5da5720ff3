"""`manage.py access_request list|show|ask|approve|…`: requests from the command line, by a named user."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError

from core.errors import LakewardenError
from governance.management.names import find_dataset, find_principal
from governance.models import AccessRequest
from governance.opening import describe_opening
from governance.policy.types import Action, Principal
from governance.queries import requests_to_decide, require, visible_datasets, visible_requests
from governance.services.requests import (
    answer_offer,
    approve_request,
    cancel_request,
    deny_request,
    extend_request,
    make_invitation,
    offer_less,
    request_access,
    withdraw_request,
)
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "List, make and decide access requests in the name of a user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, help="the user in whose name it is done")
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="requests that the user may see")
        listing.add_argument("--inbox", action="store_true", help="only those that wait for them")
        ask = verbs.add_parser("ask", help="ask for a dataset")
        ask.add_argument("dataset", help="namespace:name, or the UUID")
        ask.add_argument("--purpose", required=True)
        ask.add_argument("--days", type=float, required=True)
        _add_rectangle(ask)
        invite = verbs.add_parser("invite", help="a link for somebody who cannot discover it")
        invite.add_argument("dataset", help="namespace:name, or the UUID")
        invite.add_argument("--days", type=float, default=7)
        for verb, text in (
            ("show", "the request, and what it would open for those who may approve"),
            ("approve", "agree"),
            ("deny", "refuse; --comment tells why"),
            ("cancel", "end it without a decision; --comment tells why"),
            ("withdraw", "take one's own back"),
            ("accept", "accept what was offered"),
            ("decline", "decline what was offered"),
        ):
            each = verbs.add_parser(verb, help=text)
            each.add_argument("request", help="the UUID")
            each.add_argument("--comment", default="")
        offer = verbs.add_parser("offer", help="offer less than was asked")
        offer.add_argument("request", help="the UUID")
        offer.add_argument("--comment", default="")
        offer.add_argument("--days", type=float)
        _add_rectangle(offer)
        extend = verbs.add_parser("extend", help="ask for longer")
        extend.add_argument("request", help="the UUID")
        extend.add_argument("--days", type=float, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_principal(options["by"])
        try:
            getattr(self, f"_{options['verb']}")(by, options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        rows = requests_to_decide(by) if options["inbox"] else visible_requests(by)
        self._print(by, *rows)

    def _ask(self, by: Principal, options: dict[str, Any]) -> None:
        row = request_access(
            find_dataset(options["dataset"], by=by),
            by=by,
            purpose=options["purpose"],
            duration=timedelta(days=options["days"]),
            columns=options["columns"],
            row_filter=options["where"],
        )
        self._print(by, row)

    def _invite(self, by: Principal, options: dict[str, Any]) -> None:
        lifetime = timedelta(days=options["days"])
        self.stdout.write(
            make_invitation(find_dataset(options["dataset"], by=by), by=by, lifetime=lifetime)
        )

    def _show(self, by: Principal, options: dict[str, Any]) -> None:
        row = _find(by, options["request"])
        self._print(by, row)
        require(by, Action.APPROVE, row.dataset)
        for column in describe_opening(row, viewer=by).columns:
            rows = "nothing new" if column.opens is None else column.opens or "all rows"
            labels = f" [{', '.join(map(str, column.labels))}]" if column.labels else ""
            mask = f", masked by {column.mask_after}" if column.mask_after else ""
            self.stdout.write(f"  {column.name}{labels}: {rows}{mask}")

    def _approve(self, by: Principal, options: dict[str, Any]) -> None:
        row = _find(by, options["request"])
        self._print(by, approve_request(row, by=by, comment=options["comment"]))

    def _deny(self, by: Principal, options: dict[str, Any]) -> None:
        row = _find(by, options["request"])
        self._print(by, deny_request(row, by=by, comment=options["comment"]))

    def _cancel(self, by: Principal, options: dict[str, Any]) -> None:
        row = _find(by, options["request"])
        self._print(by, cancel_request(row, by=by, comment=options["comment"]))

    def _withdraw(self, by: Principal, options: dict[str, Any]) -> None:
        self._print(by, withdraw_request(_find(by, options["request"]), by=by))

    def _accept(self, by: Principal, options: dict[str, Any]) -> None:
        self._print(by, answer_offer(_find(by, options["request"]), by=by, accept=True))

    def _decline(self, by: Principal, options: dict[str, Any]) -> None:
        self._print(by, answer_offer(_find(by, options["request"]), by=by, accept=False))

    def _offer(self, by: Principal, options: dict[str, Any]) -> None:
        days = options["days"]
        row = offer_less(
            _find(by, options["request"]),
            by=by,
            columns=options["columns"],
            row_filter=options["where"],
            duration=None if days is None else timedelta(days=days),
            comment=options["comment"],
        )
        self._print(by, row)

    def _extend(self, by: Principal, options: dict[str, Any]) -> None:
        row = _find(by, options["request"])
        self._print(by, extend_request(row, by=by, duration=timedelta(days=options["days"])))

    def _print(self, by: Principal, *rows: AccessRequest) -> None:
        """Who may no longer know of a dataset does not read its name in an old request."""
        shown = visible_datasets(by).filter(pk__in=[row.dataset_id for row in rows])
        names = {each.pk: str(each) for each in shown}
        for row in rows:
            name = names.get(row.dataset_id, "a dataset that is not shown to you now")
            self.stdout.write(f"{row.uuid} {row.state} {row.requester} {name}")


def _add_rectangle(parser: ArgumentParser) -> None:
    parser.add_argument("--columns", nargs="+", help="only these")
    parser.add_argument("--where", help="only rows where this holds")


def _find(by: Principal, uuid: str) -> AccessRequest:
    try:
        found = visible_requests(by).filter(uuid=uuid).first()
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"there is no request `{uuid}` that `{by.username}` may see")
    return found
