"""`manage.py erase_audit_subject`: a person's name and key go from the audit log; every proof stays."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from core.errors import LakewardenError
from governance.services.audit_subjects import erase_audit_subject
from identity.management.acting import ActingCommand
from identity.models import User


class Command(ActingCommand):
    help = "Erase a person from the audit log, for good: nobody can read name or payloads any more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--by", required=True, help="the auditor in whose name it is done")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        by = User.objects.filter(username=options["by"]).first()
        if by is None:
            raise CommandError(f"there is no user `{options['by']}`")
        try:
            done = erase_audit_subject(
                by=by, username=options["username"], reason=options["reason"]
            )
        except LakewardenError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"erased {', '.join(done.pseudonyms)}")
        if done.plain_records:
            self.stdout.write(
                f"{done.plain_records} records from before names were encrypted still hold the name"
            )
