"""Import a stream of NDJSON lines into the catalog, by the same service as `POST /api/v1/catalog/import`."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.management.base import CommandError

from catalog.services.bulk.imports import begin_import, run_import
from catalog.services.bulk.streams import parsed_chunks
from core.errors import LakewardenError
from governance.bulk import ImportRights
from governance.queries import principal_of
from identity.management.acting import ActingCommand
from identity.models import User

GZIP_MAGIC = b"\x1f\x8b"


class Command(ActingCommand):
    help = "Import NDJSON lines (gzip or not) from a file or `-`; a broken-off import goes on with --import."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", help="a file, or - for standard input")
        parser.add_argument("--as", dest="username", required=True, help="whose rights count")
        parser.add_argument("--import", dest="uuid", type=UUID, help="id to begin or go on with")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError("there is no such user")
        try:
            self._import(user, path=options["path"], uuid=options["uuid"])
        except LakewardenError as error:
            raise CommandError(error.message) from None

    def _import(self, user: User, *, path: str, uuid: UUID | None) -> None:
        row = begin_import(user=user, uuid=uuid)
        self.stdout.write(f"import {row.uuid}, from line {row.acknowledged_line + 1}")
        self.stdout.flush()
        with ExitStack() as opened:
            stream = sys.stdin.buffer if path == "-" else opened.enter_context(open(path, "rb"))  # noqa: PTH123 - beside stdin
            head = stream.read(len(GZIP_MAGIC))
            chunks = parsed_chunks(
                _after(head, stream),
                gzipped=head == GZIP_MAGIC,
                max_bytes=settings.LAKEWARDEN.max_import_bytes,
                cuts=row.cuts,
            )
            outcomes = run_import(
                row,
                chunks=chunks,
                rights=lambda: ImportRights(principal_of(User.objects.get(pk=user.pk))),
                actor=user.get_username(),
            )
            for outcome in outcomes:
                for number, error in sorted(outcome.refused.items()):
                    self.stderr.write(f"line {number}: {error.message} ({error.code})")
                self.stdout.write(f"acknowledged {outcome.acknowledged_line}")
                self.stdout.flush()
        row.refresh_from_db()
        self.stdout.write(
            f"{row.state}: {row.created} created, {row.updated} updated, "
            f"{row.unchanged} unchanged, {row.refused} refused"
        )


def _after(head: bytes, stream: BinaryIO) -> Callable[[int], bytes]:
    """Reads `head` and then the stream: standard input cannot be wound back."""
    waiting = [head] if head else []

    def read(size: int) -> bytes:
        return waiting.pop() if waiting else stream.read(size)

    return read
