"""`manage.py archive_audit`: copy what was sealed of the audit log to the object store of the settings."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import LakewardenError
from storage.services.audit_archive import archive_audit


class Command(BaseCommand):
    help = "Write the sealed audit log since the last segment to LAKEWARDEN_AUDIT_ARCHIVE_URL."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            written = archive_audit()
        except LakewardenError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{written} segments written")
