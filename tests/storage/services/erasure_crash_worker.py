"""A worker that carries out what is approved, and dies at a named point (see `crash_worker.py`)."""

import os

import django

django.setup()

from celery import current_app  # noqa: E402

from storage.services.erasure.running import run_approved  # noqa: E402
from tests.storage.services.crash_worker import install  # noqa: E402

# Nothing here may reach a real queue.
current_app.send_task = lambda *_, **__: None

if __name__ == "__main__":
    install(os.environ["CRASH_AT"])
    run_approved()
