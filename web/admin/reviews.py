"""Findings that wait for eyes, on the datasets that the viewer administers."""

from typing import Any, ClassVar

import orjson
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from governance.models import ReviewItem, ReviewState
from governance.policy.types import Action
from governance.reviews import tell_evidence
from governance.services.reviews import acknowledge_review, resolve_review
from web.access import viewer_of
from web.admin.base import KernelAdmin, each_allowed

STATE_COLOURS = {
    ReviewState.OPEN: "warning",
    ReviewState.ACKNOWLEDGED: "info",
    ReviewState.RESOLVED: "success",
}


class ReviewForm(forms.ModelForm[ReviewItem]):
    """A comment settles the finding."""

    class Meta:
        model = ReviewItem
        fields: ClassVar[list[str]] = ["comment"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "comment" in self.fields:
            self.fields["comment"].required = True
            self.fields["comment"].help_text = "How it was settled. Saving settles it."


@admin.register(ReviewItem)
class ReviewItemAdmin(KernelAdmin):
    """Raised by the system; saved with a comment, it is settled. The action says that one looks into it."""

    form = ReviewForm
    needed = Action.ADMINISTER
    list_display = ["dataset", "kind", "key", "show_state", "raised_at", "decided_by"]
    list_filter = ["state", "kind"]
    list_select_related = ["dataset", "decided_by"]
    search_fields = ["dataset__name", "key"]
    terms = ["dataset", "kind", "key", "found", "state", "raised_at", "decided_at", "decided_by"]
    fields = [*terms, "comment"]
    actions = ["acknowledge"]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """With what it tells this viewer: the admin itself is shared by all that look at once."""
        item = super().get_object(request, object_id, from_field)
        if item is not None:
            viewer = viewer_of(request)
            item.told = tell_evidence(viewer.principal, item, facts=viewer.facts)
        return item

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        unsettled = obj is None or obj.state != ReviewState.RESOLVED
        return unsettled and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.terms if self.has_change_permission(request, obj) else self.fields

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del form, change
        resolve_review(obj, by=viewer_of(request).principal, comment=obj.comment)

    @admin.action(description="Acknowledge the selected findings", permissions=["change"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[ReviewItem]) -> None:
        for item in each_allowed(self, request, queryset.filter(state=ReviewState.OPEN)):
            acknowledge_review(item, by=viewer_of(request).principal)
            messages.success(request, f"You look into {item}.")

    @display(description="state", label=STATE_COLOURS)
    def show_state(self, item: ReviewItem) -> Any:
        return item.state, item.get_state_display()

    @admin.display(description="found")
    def found(self, item: Any) -> str:
        text = orjson.dumps(item.told, option=orjson.OPT_INDENT_2).decode()
        return format_html("<pre>{}</pre>", text)
