"""Wiring: settings, URLs, the Celery app, WSGI. No logic lives here."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
