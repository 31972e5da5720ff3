"""Sources, and what landed from them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from core.errors import LakewardenError
from governance.policy.types import Action
from ingestion.models import IngestedFile, LandingBatch, Source, SourceOffset
from ingestion.services.sources import create_source, set_enabled, trigger_landing
from web.access import current_user, viewer_of, visible_datasets
from web.admin.base import ReadOnlyInline, ReadOnlyMixin, StaffAdmin, is_staff, say


def my_sources(request: HttpRequest) -> QuerySet[Source]:
    """Sources that land in what the viewer manages, and the viewer's own that landed nothing yet."""
    rows = Source.objects.select_related("owner", "dataset")
    user = current_user(request)
    if user.is_superuser:
        return rows
    managed = visible_datasets(request, Action.MANAGE)
    return rows.filter(Q(dataset__in=managed.values("pk")) | Q(dataset__isnull=True, owner=user))


class OffsetInline(ReadOnlyInline):
    model = SourceOffset
    fields = ["partition", "next_offset", "high_watermark", "waiting"]

    @admin.display(description="lag")
    def waiting(self, offset: SourceOffset) -> int:
        return offset.lag


class OfSourceMixin:
    """Allowed where the source is."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return rows.filter(source__in=my_sources(request).values("pk"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not is_staff(request) or obj is None:
            return is_staff(request)
        return my_sources(request).filter(pk=obj.source_id).exists()


@admin.register(Source)
class SourceAdmin(StaffAdmin):
    list_display = [
        "name",
        "kind",
        "format",
        "namespace",
        "table",
        "tier",
        "enabled",
        "owner",
        "failures",
    ]
    list_filter = ["kind", "enabled"]
    search_fields = ["name", "table"]
    inlines = [OffsetInline]
    actions = ["land_now"]
    terms = [
        "name",
        "kind",
        "config",
        "namespace",
        "table",
        "format",
        "columns",
        "partition_by",
        "tier",
    ]
    health = ["failures", "last_error", "last_error_at", "retry_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return my_sources(request)

    def _is_mine(self, request: HttpRequest, obj: Any) -> bool:
        if not is_staff(request) or obj is None:
            return is_staff(request)
        return my_sources(request).filter(pk=obj.pk).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What landed names its source; a source is paused, not removed."""
        del request, obj
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return [*self.terms, *self.health] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return [*self.terms, "enabled", *(self.health if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        principal = viewer_of(request).principal
        if change:
            if "enabled" in form.changed_data:
                fresh = Source.objects.select_related("dataset").get(pk=obj.pk)
                set_enabled(fresh, enabled=obj.enabled, principal=principal)
            return
        made = create_source(
            principal=principal,
            owner=current_user(request),
            enabled=obj.enabled,
            **{name: getattr(obj, name) for name in self.terms},
        )
        obj.__dict__.update(made.__dict__)

    @admin.action(description="Land now", permissions=["change"])
    def land_now(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            try:
                trigger_landing(source, principal=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
            else:
                messages.success(request, f"A landing of {source} is queued.")


@admin.register(LandingBatch)
class LandingBatchAdmin(ReadOnlyMixin, OfSourceMixin, StaffAdmin):
    list_display = ["source", "landed", "rejected", "size", "started_at", "finished_at"]
    list_select_related = ["source"]


@admin.register(IngestedFile)
class IngestedFileAdmin(ReadOnlyMixin, OfSourceMixin, StaffAdmin):
    list_display = ["name", "source", "size", "landed", "rejected", "landed_at"]
    list_select_related = ["source"]
    search_fields = ["name"]
