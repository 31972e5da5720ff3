"""`manage.py campaign --by USER start|list|open|close|cancel|items|keep|narrow|revoke|report`: re-certification."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError

from core.clock import utc_now
from core.errors import LakewardenError
from governance.approval.rules import Kind
from governance.campaigns import (
    describe_items,
    get_campaign,
    get_item,
    items_of,
    items_to_certify,
    visible_campaigns,
)
from governance.certification.states import Undecided
from governance.management.names import find_principal
from governance.models import Campaign, CampaignItem
from governance.policy.types import Principal
from governance.services.campaigns import (
    cancel_campaign,
    close_campaign,
    create_campaign,
    keep_grant,
    narrow_to,
    open_campaign,
    report_lines,
    revoke_certified,
)
from governance.services.campaigns.report import FORMS
from identity.management.acting import ActingCommand

_SCOPE = (
    "name",
    "domain",
    "labels",
    "older_than_days",
    "unused_for_days",
    "reviewer",
    "reviewer_group",
    "days",
    "undecided",
    "grace_days",
    "remind_days",
    "every_months",
)


class Command(ActingCommand):
    help = "Hold campaigns of re-certification, and decide in them, in the name of a user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, help="the user in whose name it is done")
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="campaigns that the user may hold")
        _add_start(verbs.add_parser("start", help="begin one"))
        for verb, text in (
            ("open", "begin a planned one now"),
            ("close", "end it early: a worker revokes what is undecided"),
            ("cancel", "end it without a consequence; --comment tells why"),
        ):
            each = verbs.add_parser(verb, help=text)
            each.add_argument("campaign", help="the UUID")
            each.add_argument("--comment", default="")
        report = verbs.add_parser("report", help="every item with what was decided")
        report.add_argument("campaign", help="the UUID")
        report.add_argument("--as", dest="form", choices=list(FORMS), default="ndjson")
        items = verbs.add_parser("items", help="what waits for the user, or all of a campaign")
        items.add_argument("campaign", nargs="?", help="the UUID; without one, what waits")
        for verb, text in (
            ("keep", "the grant is needed as it is"),
            ("revoke", "take the grant back; --comment tells why"),
            ("narrow", "leave less of it"),
        ):
            each = verbs.add_parser(verb, help=text)
            each.add_argument("item", help="the UUID")
            each.add_argument("--comment", default="")
        each.add_argument("--columns", nargs="+", help="those to leave")
        each.add_argument("--days", type=float, help="it ends after so many days")

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_principal(options["by"])
        try:
            getattr(self, f"_{options['verb']}")(by, options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        del options
        for row in visible_campaigns(by):
            self._print(row)

    def _start(self, by: Principal, options: dict[str, Any]) -> None:
        wanted = {name: options[name] for name in _SCOPE if options[name] is not None}
        self._print(create_campaign(by=by, opens_at=options["opens_at"], **wanted))

    def _open(self, by: Principal, options: dict[str, Any]) -> None:
        self._print(open_campaign(get_campaign(by, options["campaign"]), by=by))

    def _close(self, by: Principal, options: dict[str, Any]) -> None:
        self._print(close_campaign(get_campaign(by, options["campaign"]), by=by))

    def _cancel(self, by: Principal, options: dict[str, Any]) -> None:
        row = get_campaign(by, options["campaign"])
        self._print(cancel_campaign(row, by=by, comment=options["comment"]))

    def _report(self, by: Principal, options: dict[str, Any]) -> None:
        row = get_campaign(by, options["campaign"])
        for line in report_lines(row, by=by, form=options["form"]):
            self.stdout.write(line, ending="")

    def _items(self, by: Principal, options: dict[str, Any]) -> None:
        wanted = options["campaign"]
        rows = items_of(get_campaign(by, wanted), viewer=by) if wanted else items_to_certify(by)
        for view in describe_items(rows, viewer=by):
            self._print_item(view.item, view.target)
            advice = view.suggestion
            self.stdout.write(f"  {advice.advice or 'no advice'}: {'; '.join(advice.reasons)}")

    def _keep(self, by: Principal, options: dict[str, Any]) -> None:
        self._said(by, keep_grant(get_item(by, options["item"]), by=by, comment=options["comment"]))

    def _revoke(self, by: Principal, options: dict[str, Any]) -> None:
        item = get_item(by, options["item"])
        self._said(by, revoke_certified(item, by=by, comment=options["comment"]))

    def _narrow(self, by: Principal, options: dict[str, Any]) -> None:
        days = options["days"]
        row = narrow_to(
            get_item(by, options["item"]),
            by=by,
            columns=options["columns"],
            expires_at=None if days is None else utc_now() + timedelta(days=days),
            comment=options["comment"],
        )
        self._said(by, row)

    def _said(self, by: Principal, row: CampaignItem) -> None:
        (view,) = describe_items([row], viewer=by)
        self._print_item(row, view.target)

    def _print(self, row: Campaign) -> None:
        due = f" due {row.due_at:%Y-%m-%dT%H:%MZ}" if row.due_at else ""
        self.stdout.write(f"{row.uuid} {row.state}{due} {row.name}")

    def _print_item(self, row: CampaignItem, target: str) -> None:
        (holder,) = row.description["subject"].items()
        action = row.description["action"]
        self.stdout.write(f"{row.uuid} {row.state} {':'.join(holder)} {action} {target}")


def _add_start(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--domain", help="the slug; without one the whole house")
    parser.add_argument("--labels", nargs="+", help="such as pii.*")
    parser.add_argument("--older-than-days", type=int)
    parser.add_argument("--unused-for-days", type=int)
    parser.add_argument("--reviewer", choices=[str(each) for each in Kind])
    parser.add_argument("--reviewer-group")
    parser.add_argument("--days", type=int, help="time to decide")
    parser.add_argument("--undecided", choices=[str(each) for each in Undecided])
    parser.add_argument("--grace-days", type=int)
    parser.add_argument("--remind-days", type=int)
    parser.add_argument("--every-months", type=int)
    parser.add_argument("--opens-at", type=_instant, help="ISO 8601, with its offset")


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("expected an instant like 2026-01-31T00:00:00Z") from None
    if found.tzinfo is None:
        raise ArgumentTypeError("expected an instant with its offset, like 2026-01-31T00:00:00Z")
    return found
