"""Where bytes are, what that costs, and what is on its way."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from unfold.decorators import display

from storage.models import (
    CollectionObject,
    DataFile,
    IcebergTable,
    Movement,
    MovementState,
    StorageLocation,
    Tier,
    TierPolicy,
)
from web.admin.base import KernelAdmin, ReadOnlyMixin, StaffAdmin

MOVEMENT_COLOURS = {
    MovementState.PLANNED: "info",
    MovementState.COPIED: "warning",
    MovementState.VERIFIED: "warning",
    MovementState.SWITCHED: "success",
    MovementState.DONE: "success",
    MovementState.FAILED: "danger",
    MovementState.ROLLED_BACK: "danger",
}


class SizedMixin:
    @admin.display(description="size", ordering="size")
    def human_size(self, row: Any) -> str:
        return filesizeformat(row.size)


@admin.register(StorageLocation)
class StorageLocationAdmin(StaffAdmin):
    """Credentials are settings, never rows: there is none here to see."""

    list_display = ["name", "backend", "root", "region"]
    list_filter = ["backend"]
    search_fields = ["name", "root"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "endpoint":
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(Tier)
class TierAdmin(StaffAdmin):
    list_display = [
        "name",
        "rank",
        "location",
        "storage_class",
        "keep_price",
        "read_price",
        "minimum_days",
    ]
    list_select_related = ["location"]
    search_fields = ["name"]


@admin.register(TierPolicy)
class TierPolicyAdmin(KernelAdmin):
    list_display = ["dataset", "target", "condition", "enabled"]
    list_filter = ["target", "enabled"]
    list_select_related = ["dataset", "target"]
    autocomplete_fields = ["dataset"]


@admin.register(Movement)
class MovementAdmin(ReadOnlyMixin, SizedMixin, KernelAdmin):
    """A journal: it is written by the movements themselves."""

    dataset_paths = ("table__dataset", "held_object__dataset")
    list_display = ["planned_at", "what", "source_tier", "target_tier", "human_size", "show_state"]
    list_filter = ["state", "target_tier"]
    list_select_related = [
        "table__namespace",
        "table__dataset",
        "held_object__dataset",
        "source_tier",
        "target_tier",
    ]
    ordering = ["-pk"]

    @admin.display(description="of")
    def what(self, movement: Movement) -> str:
        return str(movement.table or movement.held_object)

    @display(description="state", label=MOVEMENT_COLOURS)
    def show_state(self, movement: Movement) -> Any:
        return movement.state, movement.get_state_display()


@admin.register(IcebergTable)
class IcebergTableAdmin(ReadOnlyMixin, KernelAdmin):
    list_display = ["name", "namespace", "current_snapshot_id", "commits", "updated_at"]
    list_select_related = ["namespace", "dataset"]
    search_fields = ["name"]
    exclude = ["metadata"]


@admin.register(DataFile)
class DataFileAdmin(ReadOnlyMixin, SizedMixin, KernelAdmin):
    dataset_paths = ("table__dataset",)
    list_display = ["path", "tier", "human_size", "records", "reads", "last_read_at"]
    list_filter = ["tier"]
    list_select_related = ["tier", "table__dataset"]
    search_fields = ["path"]


@admin.register(CollectionObject)
class CollectionObjectAdmin(ReadOnlyMixin, SizedMixin, KernelAdmin):
    list_display = ["key", "dataset", "tier", "human_size", "media_type", "last_read_at"]
    list_filter = ["tier", "media_type"]
    list_select_related = ["tier", "dataset"]
    search_fields = ["key"]
