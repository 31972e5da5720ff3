"""Land a source from the command line, as a worker would."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import LakewardenError
from ingestion.models import Source
from ingestion.services.landing import land

_PAUSE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Land what waits in a source; with --follow, go on until interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="name of the source")
        parser.add_argument("--follow", action="store_true", help="go on as records arrive")

    def handle(self, *args: Any, **options: Any) -> None:
        source = (
            Source.objects.select_related("owner", "dataset").filter(name=options["source"]).first()
        )
        if source is None:
            raise CommandError(f"there is no source `{options['source']}`")
        try:
            while True:
                try:
                    caught_up = self._land(source)
                except LakewardenError as error:
                    raise CommandError(f"{error.code}: {error.message}") from error
                if not options["follow"] and caught_up:
                    return
                if caught_up:
                    time.sleep(_PAUSE_SECONDS)
        except KeyboardInterrupt:
            self.stdout.write("stopped; what was committed stays")

    def _land(self, source: Source) -> bool:
        started = time.monotonic()
        outcome = land(source)
        if outcome.batches:
            seconds = time.monotonic() - started
            self.stdout.write(
                f"{source.name}: {outcome.landed} landed, {outcome.rejected} rejected, "
                f"{outcome.batches} commits, {seconds:.1f} s"
            )
        return outcome.caught_up
