"""The Celery application: queues, limits and the schedule."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("lakewarden")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Seconds between runs, or a crontab; each entry is one bounded, idempotent task.
app.conf.beat_schedule = {
    "make-event-partitions": {
        "task": "catalog.make_event_partitions",
        "schedule": crontab(hour=2, minute=11),
    },
    "sweep-events": {"task": "catalog.sweep_events", "schedule": crontab(hour=2, minute=31)},
    "mark-stale-runs": {"task": "catalog.mark_stale_runs", "schedule": crontab(minute="*/10")},
    "expire-grants": {"task": "governance.expire_grants", "schedule": 5.0},
    "trim-edge-log": {"task": "catalog.trim_edge_log", "schedule": crontab(minute=23)},
    "seal-audit": {"task": "governance.seal_audit", "schedule": 2.0},
    "sweep-sources": {
        "task": "ingestion.sweep_sources",
        "schedule": 15.0,
        "options": {"queue": "ingestion"},
    },
    "sweep-pipelines": {
        "task": "processing.sweep_pipelines",
        "schedule": 30.0,
        "options": {"queue": "processing"},
    },
    "sweep-training-runs": {
        "task": "serving.sweep_training_runs",
        "schedule": 30.0,
        "options": {"queue": "processing"},
    },
    "settle-collection-versions": {
        "task": "storage.settle_versions",
        "schedule": 15.0,
        "options": {"queue": "tiering"},
    },
    "resume-movements": {
        "task": "storage.resume_movements",
        "schedule": 15.0,
        "options": {"queue": "tiering"},
    },
    "sweep-orphans": {
        "task": "storage.sweep_orphans",
        "schedule": crontab(hour=3, minute=41),
        "options": {"queue": "tiering"},
    },
    "apply-tier-policies": {
        "task": "storage.apply_tier_policies",
        "schedule": crontab(minute=17),
        "options": {"queue": "tiering"},
    },
}
