"""`manage.py pipeline list` and `manage.py pipeline run NAME`."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import LakewardenError
from processing.models import Pipeline, PipelineRun, RunState
from processing.models.run import ACTIVE_STATES
from processing.queries import find_pipeline
from processing.services.execution import execute_run
from processing.services.runs import trigger_run

POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "List pipelines, or run one and wait for its end."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="name, state of the last run, tables written")
        run = actions.add_parser(
            "run", help="queue a run and wait; the exit code tells how it ended"
        )
        run.add_argument("name")
        run.add_argument("--namespace", default="lakewarden")
        run.add_argument(
            "--here", action="store_true", help="run in this process, without a worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list":
            self._list()
        else:
            self._run(options["namespace"], options["name"], here=options["here"])

    def _list(self) -> None:
        for pipeline in Pipeline.objects.prefetch_related("output_datasets"):
            last = pipeline.runs.order_by("-pk").first()
            outputs = ", ".join(each.name for each in pipeline.output_datasets.all())
            self.stdout.write(f"{pipeline}\t{last.state if last else 'never run'}\t{outputs}")

    def _run(self, namespace: str, name: str, *, here: bool) -> None:
        pipeline = find_pipeline(namespace=namespace, name=name)
        if pipeline is None:
            raise CommandError(f"there is no pipeline `{namespace}.{name}`")
        try:
            run = trigger_run(pipeline, actor=None)
        except LakewardenError as error:
            raise CommandError(error.message) from None
        if here:
            execute_run(run_uuid=run.uuid)
        self._wait(run)
        if run.state != RunState.SUCCEEDED:
            raise CommandError(f"run {run.uuid} {run.state}: {run.error}")
        self.stdout.write(f"run {run.uuid} {run.state}")

    def _wait(self, run: PipelineRun) -> None:
        run.refresh_from_db()
        while run.state in ACTIVE_STATES:
            time.sleep(POLL_SECONDS)
            run.refresh_from_db()
