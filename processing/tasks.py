"""Background work of `processing`; each task is one service call."""

from typing import Any
from uuid import UUID

from celery import shared_task

from processing.services.cleaning import sweep_leftovers
from processing.services.execution import RUN_LIMIT, execute_run
from processing.services.runs import sweep_runs


# A message that comes twice (the broker hands it out again after its visibility timeout) finds the run held.
@shared_task(
    name="processing.run_pipeline",
    bind=True,
    acks_late=True,
    soft_time_limit=RUN_LIMIT + 60,
    time_limit=RUN_LIMIT + 120,
)
def run_pipeline(self: Any, run_uuid: str) -> None:
    execute_run(run_uuid=UUID(run_uuid), celery_id=str(self.request.id or ""))


@shared_task(name="processing.sweep_pipelines")
def sweep() -> None:
    sweep_runs()
    sweep_leftovers()
