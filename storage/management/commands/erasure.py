"""`manage.py erasure request|plan|approve|refuse|withdraw|run|certificate|list`: a person is erased."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import CommandError

from core.clock import utc_now
from core.errors import LakewardenError
from governance.management.names import find_principal
from governance.models import ErasureRequest
from governance.policy.types import Principal
from governance.services.erasures import (
    approve_erasure,
    refuse_erasure,
    request_erasure,
    visible_erasures,
    withdraw_erasure,
)
from governance.vocabulary import require_administrator
from identity.management.acting import ActingCommand
from storage.services.erasure.planning import plan_erasure
from storage.services.erasure.running import run_erasure

DUE_DAYS = 30


class Command(ActingCommand):
    help = "Ask for an erasure, plan it, approve it as another administrator, run it, get the certificate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        asking = verbs.add_parser("request", help="ask that a person is erased")
        asking.add_argument("file", type=Path, help='JSON: [{"label": …, "value": …}, …]')
        asking.add_argument("--reason", required=True)
        asking.add_argument("--days", type=int, default=DUE_DAYS, help="until the deadline")
        asking.add_argument("--everywhere", action="store_true", help="search every table")
        plan = verbs.add_parser("plan", help="a dry run: what is affected, what stands against it")
        approve = verbs.add_parser("approve", help="by another administrator than who asked")
        refuse = verbs.add_parser("refuse", help="end it with a reason")
        withdraw = verbs.add_parser("withdraw", help="end it before anything was erased")
        run = verbs.add_parser("run", help="carry out what is approved, or go on with it")
        certificate = verbs.add_parser("certificate", help="write the signed certificate")
        for each in (plan, approve, refuse, withdraw, run, certificate):
            each.add_argument("erasure", type=UUID)
        approve.add_argument("--comment", default="")
        refuse.add_argument("--comment", required=True)
        listing = verbs.add_parser("list", help="all of them, newest first")
        for each in (asking, plan, approve, refuse, withdraw, run, certificate, listing):
            each.add_argument("--by", required=True, help="the user in whose name it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_principal(options["by"])
        try:
            require_administrator(by)
            getattr(self, f"_{options['verb']}")(by, options)
        except (LakewardenError, OSError, json.JSONDecodeError) as error:
            raise CommandError(str(error)) from error

    def _request(self, by: Principal, options: dict[str, Any]) -> None:
        row = request_erasure(
            by=by,
            identifiers=json.loads(options["file"].read_text()),
            reason=options["reason"],
            due_at=utc_now() + timedelta(days=options["days"]),
            everywhere=options["everywhere"],
        )
        self.stdout.write(str(row.uuid))

    def _plan(self, by: Principal, options: dict[str, Any]) -> None:
        self._show(plan_erasure(_find(by, options), by=by).plan)

    def _approve(self, by: Principal, options: dict[str, Any]) -> None:
        self._tell(approve_erasure(_find(by, options), by=by, comment=options["comment"]))

    def _refuse(self, by: Principal, options: dict[str, Any]) -> None:
        self._tell(refuse_erasure(_find(by, options), by=by, comment=options["comment"]))

    def _withdraw(self, by: Principal, options: dict[str, Any]) -> None:
        self._tell(withdraw_erasure(_find(by, options), by=by))

    def _run(self, by: Principal, options: dict[str, Any]) -> None:
        self._tell(run_erasure(_find(by, options)))

    def _certificate(self, by: Principal, options: dict[str, Any]) -> None:
        row = _find(by, options)
        if row.certificate is None:
            raise CommandError("there is no certificate yet")
        self._show(row.certificate)

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        del options
        for row in visible_erasures(by):
            self._tell(row)

    def _tell(self, row: ErasureRequest) -> None:
        self.stdout.write(f"{row.uuid} {row.state}, due {row.due_at:%Y-%m-%d}: {row.reason}")

    def _show(self, document: Any) -> None:
        self.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _find(by: Principal, options: dict[str, Any]) -> ErasureRequest:
    row = visible_erasures(by).filter(uuid=options["erasure"]).first()
    if row is None:
        raise CommandError("there is no such erasure")
    return row
