"""Write what a user may see of the catalog as NDJSON, by the same query as `GET /api/v1/catalog/export`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from catalog.queries.export import KINDS, export_lines, line_of
from governance.bulk import export_sight
from governance.queries import principal_of
from governance.services.audit import record_export
from identity.management.acting import ActingCommand
from identity.models import User


class Command(ActingCommand):
    help = "Write the catalog as NDJSON to standard output, as far as a user may see it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as", dest="username", required=True, help="whose sight counts")
        parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError("there is no such user")
        kinds = {"kinds": list(options["kinds"])}
        record_export(principal=principal_of(user), form="ndjson", asked=kinds)
        lines = export_lines(
            lambda: export_sight(principal_of(User.objects.get(pk=user.pk))),
            kinds=options["kinds"],
            after=None,
        )
        for item, _ in lines:
            self.stdout.write(line_of(item).decode(), ending="")
