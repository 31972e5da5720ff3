"""A worker that can be killed: it carries movements on until none is left, or dies at a named point.

Run by `test_movement_crashes.py` as a process of its own. `CRASH_AT` is `module:function:before|after`; the
first call of that function is where the process sends itself SIGKILL.
"""

import importlib
import os
import signal

import django

django.setup()

from celery import current_app  # noqa: E402

from storage.models import Movement  # noqa: E402
from storage.services.movements import due_movement_ids, run_movements, unfinished  # noqa: E402

# Nothing here may reach a real queue.
current_app.send_task = lambda *_, **__: None


def install(point: str) -> None:
    module_name, function_name, moment = point.split(":")
    module = importlib.import_module(module_name)
    real = getattr(module, function_name)

    def dying(*args, **kwargs):
        if moment == "after":
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, function_name, dying)


if __name__ == "__main__":
    if os.environ.get("CRASH_AT"):
        install(os.environ["CRASH_AT"])
    print("ready", flush=True)  # noqa: T201 - the parent waits for it
    while Movement.objects.filter(unfinished()).exists():
        run_movements(due_movement_ids(limit=2))
