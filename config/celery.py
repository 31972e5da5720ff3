"""The Celery application: queues, limits and the schedule."""

import gc
import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_before_create_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks would load every page and its libraries into each worker; `migrate`, which comes first, makes them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

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
    # What is told of at once is told again here where that failed.
    "tell-of-broken-glass": {"task": "governance.tell_of_broken_glass", "schedule": 60.0},
    "mark-orphans": {"task": "identity.mark_orphans", "schedule": 60.0},
    "trim-edge-log": {"task": "catalog.trim_edge_log", "schedule": crontab(minute=23)},
    "trim-fact-log": {"task": "governance.trim_fact_log", "schedule": 300.0},
    "raise-reviews": {"task": "governance.raise_reviews", "schedule": 10.0},
    "watch-requests": {"task": "governance.watch_requests", "schedule": 60.0},
    "sweep-simulations": {"task": "governance.sweep_simulations", "schedule": 60.0},
    "count-uses": {"task": "governance.count_uses", "schedule": 30.0},
    "watch-campaigns": {"task": "governance.watch_campaigns", "schedule": 60.0},
    "send-notices": {"task": "governance.send_notices", "schedule": 30.0},
    "deliver-webhooks": {"task": "governance.deliver_webhooks", "schedule": 10.0},
    "seal-audit": {"task": "governance.seal_audit", "schedule": 2.0},
    "archive-audit": {
        "task": "storage.archive_audit",
        "schedule": crontab(minute="*/5"),
        "options": {"queue": "tiering"},
    },
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
    "run-erasures": {
        "task": "storage.run_erasures",
        "schedule": 300.0,
        "options": {"queue": "tiering"},
    },
    "run-retention": {
        "task": "storage.run_retention",
        "schedule": crontab(hour=3, minute=11),
        "options": {"queue": "tiering"},
    },
    "apply-tier-policies": {
        "task": "storage.apply_tier_policies",
        "schedule": crontab(minute=17),
        "options": {"queue": "tiering"},
    },
}


@worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    """Take all that is loaded out of the garbage collector's sight: its marks would unshare a child's pages."""
    gc.collect()
    gc.freeze()
