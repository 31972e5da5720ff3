"""`manage.py reindex`: make the searched words of all datasets anew, while people search."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog.models import Dataset
from catalog.services.search import reindex


class Command(BaseCommand):
    help = "Make the searched words of all datasets anew, while people search."

    def handle(self, *args: Any, **options: Any) -> None:
        done, total = 0, Dataset.objects.count()
        for done in reindex(actor="command"):
            self.stdout.write(f"{done} of {max(done, total)} datasets")
        self.stdout.write(f"{done} datasets have their words anew")
