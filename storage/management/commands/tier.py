"""`manage.py tier DATASET`: apply a dataset's tier policies now, and say what it costs before and after."""

import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Dataset
from catalog.services.datasets import find_dataset
from core.errors import LakewardenError
from storage.models import Movement, TieringRun
from storage.models.movement import BEFORE_SWITCH, MovementState
from storage.services.movements import MAX_MOVEMENTS_A_RUN, run_movements
from storage.services.tiering import DEFAULT_GRACE_SECONDS, start_tiering

DEFAULT_NAMESPACE = "lakewarden"
POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = "Move a dataset's files to the tiers that its policies name, and report the cost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "dataset", help="UUID, `name` (in `lakewarden`) or `namespace:name` as `file:photos`"
        )
        parser.add_argument("--dry-run", action="store_true", help="plan and report only")
        parser.add_argument(
            "--grace",
            type=int,
            default=DEFAULT_GRACE_SECONDS,
            metavar="SECONDS",
            help="how long sources stay for readers in flight (default %(default)s)",
        )
        parser.add_argument(
            "--no-wait", action="store_true", help="leave the removal of sources to the workers"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = _find(options["dataset"])
        try:
            run = start_tiering(
                dataset=dataset, dry_run=options["dry_run"], grace_seconds=options["grace"]
            )
        except LakewardenError as error:
            raise CommandError(error.message) from error
        self._print_report(run)
        if run.dry_run:
            return
        self._carry_on(run, BEFORE_SWITCH, "moved")
        if not options["no_wait"]:
            self._carry_on(run, (*BEFORE_SWITCH, MovementState.SWITCHED), "sources removed")
        failed = run.movements.filter(state=MovementState.FAILED).count()
        if failed:
            raise CommandError(f"{failed} movements failed; their sources stand")

    def _print_report(self, run: TieringRun) -> None:
        report, cost = run.report, run.report["cost"]
        print(f"run {run.uuid}")
        print(f"{report['moves']} of {report['files']} files move, {report['bytes_to_move']} bytes")
        for when in ("before", "after"):
            tiers = ", ".join(
                f"{name} {each['files']} files {each['bytes']} bytes"
                for name, each in report["tiers"][when].items()
            )
            print(f"{when:>6}: {cost[f'{when}_a_month']['total']} USD a month; {tiers}")
        print(f" moving: {cost['move_once']} USD once, saves {cost['saved_a_month']} USD a month")

    def _carry_on(self, run: TieringRun, states: tuple[str, ...], word: str) -> None:
        """Work beside the workers until no movement of the run is in one of `states`."""
        total = run.movements.count()
        while open_ids := list(
            Movement.objects.filter(run=run, state__in=states).values_list("pk", flat=True)
        ):
            run_movements(open_ids[:MAX_MOVEMENTS_A_RUN])
            left = Movement.objects.filter(run=run, state__in=states).count()
            print(f"{word}: {total - left} of {total}", flush=True)
            if left:
                time.sleep(POLL_SECONDS)


def _find(text: str) -> Dataset:
    try:
        found = Dataset.objects.filter(uuid=UUID(text)).first()
    except ValueError:
        namespace, separator, name = text.rpartition(":")
        found = find_dataset(namespace=namespace if separator else DEFAULT_NAMESPACE, name=name)
    if found is None or found.deleted_at is not None:
        raise CommandError(f"there is no dataset `{text}`")
    return found
