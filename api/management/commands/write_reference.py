"""Write the generated pages of docs/reference."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.reference import PAGES


class Command(BaseCommand):
    help = "Write the generated pages of docs/reference (errors, metrics, API)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail if a page is out of date"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs" / "reference"
        for name, render in PAGES.items():
            page, text = folder / name, render()
            if page.is_file() and page.read_text() == text:
                continue
            if options["check"]:
                raise CommandError(f"`{page}` is out of date: run `manage.py write_reference`")
            page.write_text(text)
            self.stdout.write(f"wrote {page}")
