"""The scheduler's own Celery application: the workers' schedule without their tasks.

Beat sends names only. The workers' application would load every task's libraries into it, 100 MB for nothing.
"""

from celery import Celery

from config.celery import app as workers

app = Celery("lakewarden-beat", set_as_current=False)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = workers.conf.beat_schedule
