"""`manage.py hold place|release|list`: legal holds, against which nothing is deleted."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from catalog.models import Dataset, Domain, Tag
from core.errors import LakewardenError
from governance.holds import visible_holds
from governance.management.names import find_dataset, find_principal
from governance.policy.types import Principal
from governance.queries import get_visible_domain
from governance.retention.identifiers import Identifier, parse_identifiers
from governance.services.holds import place_hold, release_hold
from governance.vocabulary import require_administrator
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Place, release and list legal holds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        place = verbs.add_parser("place", help="hold a dataset, a domain, a tag or a person")
        target = place.add_mutually_exclusive_group(required=True)
        target.add_argument("--dataset", default="", help="namespace:name, or the UUID")
        target.add_argument("--domain", default="", help="slug")
        target.add_argument("--tag", default="", help="on datasets or on their fields")
        target.add_argument("--identifiers", type=Path, help="JSON as of `erasure request`")
        release = verbs.add_parser("release", help="end a hold")
        release.add_argument("hold", type=UUID)
        listing = verbs.add_parser("list", help="what the person may see, newest first")
        listing.add_argument("--all", action="store_true", help="also those that are released")
        for each in (place, release):
            each.add_argument("--reason", required=True)
        for each in (place, release, listing):
            each.add_argument("--by", required=True, help="the user in whose name it is done")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(find_principal(options["by"]), options)
        except (LakewardenError, OSError, json.JSONDecodeError) as error:
            raise CommandError(str(error)) from error

    def _place(self, by: Principal, options: dict[str, Any]) -> None:
        row = place_hold(_target(by, options), by=by, reason=options["reason"])
        self.stdout.write(f"{row.uuid} {row}")

    def _release(self, by: Principal, options: dict[str, Any]) -> None:
        row = visible_holds(by).filter(uuid=options["hold"]).first()
        if row is None:
            raise CommandError("there is no such hold")
        release_hold(row, by=by, reason=options["reason"])
        self.stdout.write(f"{row.uuid} released")

    def _list(self, by: Principal, options: dict[str, Any]) -> None:
        for row in visible_holds(by):
            if options["all"] or row.released_at is None:
                state = "released" if row.released_at else "in force"
                self.stdout.write(f"{row.uuid} {row} {state}: {row.reason}")


def _target(by: Principal, options: dict[str, Any]) -> Dataset | Domain | Tag | list[Identifier]:
    if options["dataset"]:
        return find_dataset(options["dataset"], by=by)
    if options["domain"]:
        return get_visible_domain(by, options["domain"])
    require_administrator(by)
    if options["identifiers"]:
        return parse_identifiers(json.loads(options["identifiers"].read_text()))
    tag = Tag.objects.filter(name=options["tag"]).first()
    if tag is None:
        raise CommandError(f"there is no tag `{options['tag']}`")
    return tag
