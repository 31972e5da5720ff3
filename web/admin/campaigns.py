"""Campaigns of re-certification: begun, closed and cancelled here; decided on the page of those who answer for the data."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from core.errors import LakewardenError
from governance.campaigns import items_of, known_items, visible_campaigns
from governance.certification.states import WAITING, CampaignState
from governance.models import Campaign
from governance.services.campaigns import (
    cancel_campaign,
    close_campaign,
    create_campaign,
    open_campaign,
)
from web.access import administered_domains, viewer_of
from web.admin.base import StaffAdmin, each_allowed, is_staff, is_superuser, say

COLOURS = {
    CampaignState.PLANNED: "info",
    CampaignState.OPEN: "warning",
    CampaignState.CLOSED: "success",
    CampaignState.CANCELLED: "danger",
}


class CampaignForm(forms.ModelForm[Campaign]):
    class Meta:
        model = Campaign
        fields: ClassVar[list[str]] = [
            "name",
            "domain",
            "labels",
            "older_than_days",
            "unused_for_days",
            "reviewer",
            "reviewer_group",
            "days",
            "undecided",
            "grace_days",
            "remind_days",
            "every_months",
            "opens_at",
        ]
        help_texts: ClassVar[dict[str, str]] = {
            "labels": 'Only what reaches such labels: ["pii.*"]. Empty: whatever it bears.',
            "domain": "Its short name: grants on it and below. Empty: the whole house, for administrators.",
            "opens_at": "In the past or now: at once.",
        }


@admin.register(Campaign)
class CampaignAdmin(StaffAdmin):
    """A steward holds campaigns over the own domains, superusers over all."""

    form = CampaignForm
    list_display = ["name", "domain", "show_state", "progress", "opens_at", "due_at", "closed_at"]
    list_filter = ["state"]
    search_fields = ["name", "domain"]
    outcome = ["state", "opened_at", "due_at", "closed_at", "created_by", "counts", "reports"]
    actions = ["begin", "close", "cancel"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        viewer = viewer_of(request)
        rows = visible_campaigns(viewer.principal, facts=viewer.facts)
        known = known_items(viewer.principal, path="items__", facts=viewer.facts)
        waiting = Count("items", filter=known & Q(items__state__in=WAITING))
        return rows.annotate(total=Count("items", filter=known), waiting=waiting)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """With the counts that this viewer may know: the admin itself is shared by all that look at once."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            items = items_of(row, viewer=viewer_of(request).principal).order_by("state")
            row.told = list(items.values_list("state").annotate(count=Count("pk")))
        return row

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not is_staff(request):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request) or (
            is_staff(request) and administered_domains(request).exists()
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only by the actions: what a campaign asks about stays as it was."""
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        own: list[str] = list(CampaignForm.Meta.fields)
        return own if obj is None else own + self.outcome

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else self.get_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        if change:
            return
        row = create_campaign(by=viewer_of(request).principal, **form.cleaned_data)
        obj.__dict__.update(row.__dict__)

    @admin.action(description="Begin the selected planned campaigns now", permissions=["change"])
    def begin(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._each(request, queryset, open_campaign, "has begun")

    @admin.action(
        description="Close the selected campaigns: revoke what is undecided", permissions=["change"]
    )
    def close(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._each(request, queryset, close_campaign, "is being closed")

    @admin.action(
        description="Cancel the selected campaigns: leave what is undecided", permissions=["change"]
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        self._each(request, queryset, cancel_campaign, "is cancelled")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Campaign], step: Any, done: str
    ) -> None:
        for row in each_allowed(self, request, queryset):
            try:
                step(row, by=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
            else:
                messages.success(request, f"{row} {done}.")

    @display(description="state", label=COLOURS)
    def show_state(self, row: Campaign) -> Any:
        return row.state, row.get_state_display()

    @admin.display(description="decided")
    def progress(self, row: Any) -> str:
        return f"{row.total - row.waiting} of {row.total}"

    @admin.display(description="items")
    def counts(self, row: Any) -> str:
        return ", ".join(f"{count} {state}" for state, count in row.told) or "none"

    @admin.display(description="report")
    def reports(self, row: Campaign) -> str:
        return format_html(
            '<a class="underline" href="{}">CSV</a> <a class="underline" href="{}">NDJSON</a>',
            *(reverse("web:campaign-report", args=[row.uuid, form]) for form in ("csv", "ndjson")),
        )
