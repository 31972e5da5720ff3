"""`manage.py rotate_audit_master_key`: the keys of the persons in the audit log are put under the new master key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from core.errors import LakewardenError
from governance.management.names import find_user
from governance.services.audit_subjects import outdated_subjects, rewrap_subjects
from identity.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Put every person's key in the audit log under the master key that writes; again after a kill."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--by", help="the auditor in whose name it is done")
        what.add_argument(
            "--check", action="store_true", help="only tell whether the former key is still needed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["by"]:
                self.stdout.write(f"{rewrap_subjects(by=find_user(options['by']))} keys rewrapped")
            left = outdated_subjects()
        except LakewardenError as error:
            raise CommandError(error.message) from error
        if left:
            raise CommandError(f"{left} keys need the second master key", returncode=1)
        self.stdout.write("the second master key is not needed any more")
