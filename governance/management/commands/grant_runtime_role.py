"""`manage.py grant_runtime_role`: let a database role run the processes, without a right to change the audit log."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import LakewardenError
from governance.runtime_role import grant_runtime_role


class Command(BaseCommand):
    help = "Give a database role what the processes need; run it as the tables' owner after each `migrate`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            grant_runtime_role(options["role"])
        except LakewardenError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"granted to {options['role']}")
