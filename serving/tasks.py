"""Background work of `serving`; each task is one service call."""

from uuid import UUID

from celery import shared_task

from serving.services.training import run_training, sweep_training_runs


@shared_task(name="serving.train_model", acks_late=True)
def train_model(run_uuid: str) -> None:
    run_training(run_uuid=UUID(run_uuid))


@shared_task(name="serving.sweep_training_runs")
def sweep() -> None:
    sweep_training_runs()
