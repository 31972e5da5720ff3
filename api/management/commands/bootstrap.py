"""Make what a new installation needs before the first request; running it again changes nothing."""

import os
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from catalog.services.events import make_event_partitions
from core import audit
from identity.models import ApiToken, User
from identity.models.token import Scope, hash_token
from identity.services import issue_token
from identity.services.tokens import record_token
from storage.services.locations import ensure_default_locations_and_tiers

WORKER_NAME = "lakewarden-worker"
ADMIN_TOKEN_LIFETIME = timedelta(days=365)


class Command(BaseCommand):
    help = (
        "create the first administrator, the workers' service account, storage locations and tiers,"
        " and the tables of the coming months' events"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            admin = self._ensure_admin()
            if admin is not None:
                self._ensure_token(admin)
            self._ensure_worker(admin)
        ensure_default_locations_and_tiers()
        make_event_partitions()
        self.stdout.write("ready")

    def _ensure_admin(self) -> User | None:
        """The administrator named in the environment, if one is named there."""
        name = os.environ.get("LAKEWARDEN_ADMIN_USER")
        password = os.environ.get("LAKEWARDEN_ADMIN_PASSWORD")
        if not name or not password:
            return None
        admin = User.objects.filter(username=name).first()
        if admin is None:
            admin = User.objects.create_superuser(username=name, password=password)
            audit.record(actor="system", action="user.create", resource=f"user:{name}")
        return admin

    def _ensure_token(self, admin: User) -> None:
        raw = os.environ.get("LAKEWARDEN_ADMIN_TOKEN")
        if not raw or ApiToken.objects.filter(digest=hash_token(raw)).exists():
            return
        token, _ = issue_token(
            user=admin,
            name="bootstrap",
            scopes=Scope.values,
            lifetime=ADMIN_TOKEN_LIFETIME,
            raw=raw,
        )
        record_token(token, "create", actor="system")

    def _ensure_worker(self, admin: User | None) -> None:
        worker, created = User.objects.get_or_create(
            username=WORKER_NAME, defaults={"is_service": True, "responsible": admin}
        )
        if created:
            worker.set_unusable_password()
            worker.save(update_fields=["password"])
            audit.record(actor="system", action="user.create", resource=f"user:{WORKER_NAME}")
