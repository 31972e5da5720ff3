"""The port through which services ask for background work.

Services enqueue by task name and plain ids, after commit, so that a worker never looks for a row
that is not there yet, and so that no service imports a task.
"""

from typing import Any

from celery import current_app
from django.db import transaction


def enqueue(task_name: str, *, queue: str = "default", countdown: float = 0, **ids: Any) -> None:
    """Send `task_name` with `ids` to `queue` once the current transaction commits.

    `countdown` is in seconds. Delivery is at least once: every task is idempotent, and what must not be
    lost is also found again by a scheduled sweep.
    """
    transaction.on_commit(
        lambda: current_app.send_task(task_name, kwargs=ids, queue=queue, countdown=countdown),
        robust=True,
    )
