"""Models and how they came about."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from serving.models import ModelVersion, TrainingRun, TrainingState
from serving.models.version import CHAMPION
from serving.services.registry import set_alias
from web.access import current_user, visible_datasets
from web.admin.base import KernelAdmin, ReadOnlyMixin, is_staff, is_superuser

TRAINING_COLOURS = {
    TrainingState.QUEUED: "info",
    TrainingState.RUNNING: "warning",
    TrainingState.SUCCEEDED: "success",
    TrainingState.FAILED: "danger",
}


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyMixin, KernelAdmin):
    """A version is immutable; which of them answers by default is the steward's to say."""

    list_display = ["dataset", "number", "alias", "framework", "size", "created_at"]
    list_select_related = ["dataset"]
    search_fields = ["dataset__name"]
    fields = [
        "dataset",
        "number",
        "alias",
        "framework",
        "uri",
        "size",
        "sha256",
        "inputs",
        "outputs",
        "metrics",
        "known_training",
        "run_uuid",
        "created_at",
    ]
    actions = ["make_champion"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Training datasets of other domains stay unnamed."""
        self_visible = visible_datasets(request)
        if obj is not None:
            names = obj.training_datasets.filter(pk__in=self_visible.values("pk"))
            obj.known_training_names = [str(each) for each in names]
        return [*self.fields]

    @admin.display(description="trained on")
    def known_training(self, version: ModelVersion) -> str:
        return ", ".join(getattr(version, "known_training_names", [])) or "-"

    def has_champion_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    @admin.action(description="Serve by default (champion)", permissions=["champion"])
    def make_champion(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        """The service asks the kernel for each."""
        for version in queryset:
            set_alias(version, alias=CHAMPION, actor=current_user(request))


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyMixin, KernelAdmin):
    """Runs of models that the viewer manages; a run without a model is seen by superusers."""

    dataset_paths = ("version__dataset",)
    list_display = ["model_name", "show_state", "requested_by", "created_at", "ended_at"]
    list_filter = ["state"]
    list_select_related = ["requested_by", "version__dataset"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        if is_superuser(request):
            return TrainingRun.objects.select_related("requested_by", "version__dataset")
        return super().get_queryset(request)

    def is_allowed(self, request: HttpRequest, obj: Any) -> bool:
        return is_superuser(request) or super().is_allowed(request, obj)

    @display(description="state", label=TRAINING_COLOURS)
    def show_state(self, run: TrainingRun) -> Any:
        return run.state, run.get_state_display()
