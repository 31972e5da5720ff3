"""Pipelines and their runs."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display

from core.errors import LakewardenError
from processing.models import Pipeline, PipelineRun, RunState
from processing.queries import visible_pipelines
from processing.services.pipelines import replace_definition, switch_pipeline
from processing.services.runs import cancel_run, trigger_run
from web.access import administered_domains, current_user
from web.admin.base import ReadOnlyMixin, StaffAdmin, is_staff, say

RUN_COLOURS = {
    RunState.QUEUED: "info",
    RunState.RUNNING: "warning",
    RunState.SUCCEEDED: "success",
    RunState.FAILED: "danger",
    RunState.CANCELLED: "info",
}


@admin.register(Pipeline)
class PipelineAdmin(StaffAdmin):
    """Those that the viewer owns, or that write into a domain which the viewer answers for."""

    list_display = ["name", "kind", "domain", "owner", "run_as", "interval", "enabled"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name", "description"]
    fields = [
        "name",
        "kind",
        "description",
        "domain",
        "owner",
        "run_as",
        "definition",
        "outputs_shown",
        "interval",
        "next_run_at",
        "enabled",
    ]
    readonly_fields = [
        "name",
        "kind",
        "description",
        "domain",
        "owner",
        "run_as",
        "outputs_shown",
        "interval",
        "next_run_at",
    ]
    actions = ["run_now"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        user = current_user(request)
        rows = visible_pipelines(user)
        if user.is_superuser:
            return rows
        domains = administered_domains(request).values("pk")
        return rows.filter(owner=user) | rows.filter(domain__in=domains)

    def _is_mine(self, request: HttpRequest, obj: Any) -> bool:
        if not is_staff(request) or obj is None:
            return is_staff(request)
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Pipelines are declared as code, by the API or the command line."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        actor = current_user(request)
        fresh = Pipeline.objects.select_related("domain", "run_as").get(pk=obj.pk)
        if "definition" in form.changed_data:
            replace_definition(fresh, actor=actor, definition=obj.definition)
        if "enabled" in form.changed_data:
            switch_pipeline(fresh, actor=actor, enabled=obj.enabled)

    @admin.action(description="Run now", permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Pipeline]) -> None:
        for pipeline in queryset:
            try:
                trigger_run(pipeline, actor=current_user(request))
            except LakewardenError as error:
                say(request, error)
            else:
                messages.success(request, f"{pipeline} is queued.")

    @admin.display(description="writes")
    def outputs_shown(self, pipeline: Pipeline) -> str:
        return ", ".join(pipeline.output_datasets.values_list("name", flat=True)) or "-"


@admin.register(PipelineRun)
class PipelineRunAdmin(ReadOnlyMixin, StaffAdmin):
    """A run shows whoever sees its pipeline what it did."""

    list_display = ["pipeline", "show_state", "requested_by", "created_at", "ended_at", "attempts"]
    list_filter = ["state"]
    list_select_related = ["pipeline", "requested_by"]
    ordering = ["-pk"]
    exclude = ["api_token", "definition"]
    actions = ["cancel"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        pipelines = self.admin_site.get_model_admin(Pipeline).get_queryset(request)
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(pipeline__in=pipelines.values("pk"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        pipelines = self.admin_site.get_model_admin(Pipeline)
        return bool(pipelines.has_view_permission(request, obj.pipeline if obj else None))

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    @admin.action(description="Cancel the selected runs", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[PipelineRun]) -> None:
        for run in queryset:
            try:
                cancel_run(run, actor=current_user(request))
            except LakewardenError as error:
                say(request, error)

    @display(description="state", label=RUN_COLOURS)
    def show_state(self, run: PipelineRun) -> Any:
        return run.state, run.get_state_display()
