"""`manage.py webhook --by USER list|create|rotate|test|activate|deactivate|remove|deliveries|retry`."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from core.errors import LakewardenError
from governance.management.names import find_principal
from governance.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from governance.policy.types import Principal
from governance.services.webhooks import (
    register_endpoint,
    remove_endpoint,
    retry_dead,
    rotate_secret,
    send_test,
    set_endpoint_active,
)
from governance.vocabulary import require_administrator
from identity.management.acting import ActingCommand

SHOWN = 200


class Command(ActingCommand):
    help = "Endpoints of other systems that are sent events, in the name of an administrator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, help="the user in whose name it is done")
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser(
            "list", help="all endpoints, with how many deliveries wait and were given up"
        )
        create = verbs.add_parser("create", help="register one; prints its secret this once")
        create.add_argument("url")
        create.add_argument("types", nargs="+", help="such as lakewarden.access_request.*")
        for verb, text in (
            ("rotate", "a new secret, printed this once; for a day the former one signs as well"),
            ("test", "send it lakewarden.webhook.test now, once"),
            ("activate", "send to it"),
            ("deactivate", "send nothing to it; what waits stays"),
            ("remove", "forget it, with what was to be sent to it"),
        ):
            verbs.add_parser(verb, help=text).add_argument("endpoint", help="the UUID")
        deliveries = verbs.add_parser("deliveries", help=f"the newest {SHOWN}")
        deliveries.add_argument("--state", choices=DeliveryState.values)
        retry = verbs.add_parser("retry", help="send all that was given up again")
        retry.add_argument("endpoint", nargs="?", help="the UUID; without one of all")

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_principal(options["by"])
        try:
            require_administrator(by)
            getattr(self, f"_{options['verb']}")(by, options)
        except LakewardenError as error:
            raise CommandError(error.message) from error

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        del by, options
        for row in WebhookEndpoint.objects.all():
            counts = [
                f"{row.deliveries.filter(state=state).count()} {state}"
                for state in (DeliveryState.WAITING, DeliveryState.DEAD)
            ]
            active = "active" if row.is_active else "inactive"
            told = ", ".join(counts)
            self.stdout.write(f"{row.uuid} {active} {row.url} {' '.join(row.types)} ({told})")

    def _create(self, by: Principal, options: dict[str, Any]) -> None:
        row, secret = register_endpoint(by=by, url=options["url"], types=options["types"])
        self.stdout.write(f"{row.uuid} {secret}")

    def _rotate(self, by: Principal, options: dict[str, Any]) -> None:
        self.stdout.write(rotate_secret(_find(options["endpoint"]), by=by))

    def _test(self, by: Principal, options: dict[str, Any]) -> None:
        row = send_test(_find(options["endpoint"]), by=by)
        if row.last_error:
            raise CommandError(row.last_error)
        self.stdout.write(f"delivered, answered {row.last_status}")

    def _activate(self, by: Principal, options: dict[str, Any]) -> None:
        set_endpoint_active(_find(options["endpoint"]), by=by, is_active=True)

    def _deactivate(self, by: Principal, options: dict[str, Any]) -> None:
        set_endpoint_active(_find(options["endpoint"]), by=by, is_active=False)

    def _remove(self, by: Principal, options: dict[str, Any]) -> None:
        remove_endpoint(_find(options["endpoint"]), by=by)

    def _deliveries(self, by: Principal, options: dict[str, Any]) -> None:
        del by
        rows = WebhookDelivery.objects.select_related("endpoint").order_by("-pk")
        if options["state"]:
            rows = rows.filter(state=options["state"])
        for row in rows[:SHOWN]:
            told = f" {row.last_error}" if row.last_error else ""
            self.stdout.write(
                f"{row.uuid} {row.state} after {row.attempts}: {row.event['type']} to {row.endpoint}{told}"
            )

    def _retry(self, by: Principal, options: dict[str, Any]) -> None:
        endpoint = _find(options["endpoint"]) if options["endpoint"] else None
        self.stdout.write(f"{retry_dead(by=by, endpoint=endpoint)} are sent again")


def _find(uuid: str) -> WebhookEndpoint:
    try:
        found = WebhookEndpoint.objects.filter(uuid=UUID(uuid)).first()
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"there is no endpoint `{uuid}`")
    return found
