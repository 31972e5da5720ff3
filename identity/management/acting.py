"""Commands that act in the name of a user."""

from typing import Any

from django.core.management.base import BaseCommand

from core import audit
from identity.models import User

# As the policy kernel, which stands above this app, calls the role.
SUPERUSER = "superuser"


class ActingCommand(BaseCommand):
    """Each audit record that is made in a superuser's name says so, as those of requests do."""

    def execute(self, *args: Any, **options: Any) -> Any:
        with audit.acting(_authority):
            return super().execute(*args, **options)


def _authority(actor: str) -> str | None:
    is_theirs = User.objects.filter(username=actor, is_superuser=True).exists()
    return SUPERUSER if is_theirs else None
