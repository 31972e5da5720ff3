"""Broken glass: who read in an emergency. Reviews are closed on its page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from governance.glass import visible_breakings
from governance.models import BreakGlass
from web.access import principal_of_viewer
from web.admin.base import ReadOnlyMixin, StaffAdmin, is_staff

COLOURS = {"justified": "success", "abuse": "danger", "overdue": "danger", "open": "warning"}


@admin.register(BreakGlass)
class BreakGlassAdmin(ReadOnlyMixin, StaffAdmin):
    """A steward sees what was broken below the own domains, and everybody their own; superusers all."""

    list_display = ["created_at", "user", "what", "expires_at", "show_review", "review_due_at"]
    list_filter = ["verdict"]
    search_fields = ["user__username", "dataset__name", "domain__name", "reason"]
    fields = [
        "user",
        "what",
        "reason",
        "grant",
        "created_at",
        "expires_at",
        "ended_at",
        "review_due_at",
        "reviewed_at",
        "reviewed_by",
        "verdict",
        "review_comment",
        "page",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return visible_breakings(principal_of_viewer(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not is_staff(request):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    @admin.display(description="what")
    def what(self, row: BreakGlass) -> str:
        return str(row.target)

    @display(description="review", label=COLOURS)
    def show_review(self, row: BreakGlass) -> str:
        return row.verdict or ("overdue" if row.is_overdue else "open")

    @admin.display(description="review")
    def page(self, row: BreakGlass) -> str:
        del row
        return format_html(
            '<a class="underline" href="{}">the page of reviews</a>', reverse("web:break-glass")
        )
