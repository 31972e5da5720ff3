"""Suggested labels: seen and decided by those who manage the dataset."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.errors import LakewardenError
from governance.models import Classification
from governance.services.classifications import decide_classifications
from web.access import viewer_of
from web.admin.base import KernelAdmin, ReadOnlyMixin, is_staff, say


@admin.register(Classification)
class ClassificationAdmin(ReadOnlyMixin, KernelAdmin):
    """The two actions decide the selected suggestions; nothing else of a suggestion can be changed."""

    list_display = ["dataset", "field", "label", "show_confidence", "state", "decided_by"]
    list_filter = ["state", "label"]
    list_select_related = ["dataset", "field", "decided_by"]
    search_fields = ["dataset__name", "field__name", "label"]
    ordering = ["-confidence", "pk"]
    fields = [
        "dataset",
        "field",
        "label",
        "show_confidence",
        "reasons",
        "detector_version",
        "state",
        "suggested_at",
        "decided_at",
        "decided_by",
    ]
    readonly_fields = fields
    actions = ["accept", "reject"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    @admin.action(description="Accept: put the labels on their fields", permissions=["decide"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Classification]) -> None:
        self._decide(request, queryset, accept=True)

    @admin.action(description="Reject, and do not suggest them again", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Classification]) -> None:
        self._decide(request, queryset, accept=False)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[Classification], *, accept: bool
    ) -> None:
        """Each by its own decision: one that is refused leaves the others decided."""
        decided = 0
        for row in queryset.select_related("dataset"):
            chosen = {"accept" if accept else "reject": [row.uuid]}
            try:
                decide_classifications(row.dataset, by=viewer_of(request).principal, **chosen)
            except LakewardenError as error:
                say(request, error)
            else:
                decided += 1
        if decided:
            done = "accepted" if accept else "rejected"
            messages.success(request, f"{decided} suggestions are {done}.")

    @admin.display(description="confidence", ordering="confidence")
    def show_confidence(self, row: Classification) -> str:
        return f"{row.confidence:.0%}"

    @admin.display(description="evidence")
    def reasons(self, row: Any) -> str:
        return "; ".join(row.evidence)
