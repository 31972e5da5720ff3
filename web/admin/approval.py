"""Rules of approval as documents, and who decides for whom."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from core.errors import LakewardenError
from governance.approval.rules import Rule, parse_rule
from governance.models import Delegation, RequestRule
from governance.services.delegations import end_delegation
from governance.services.rules import may_write_rule, retire_rule, save_rule
from web.access import viewer_of
from web.admin.base import ReadOnlyMixin, StaffAdmin, SuperuserAdmin, is_staff, is_superuser, say
from web.admin.documents import DocumentForm

EXAMPLE = """name: personal-data
description: personal data needs its owner, then two of the privacy team
applies_to:
  field_tags: [pii.*]
order: sequence
stages:
  - by: owner
    remind_after_hours: 24
    escalate_after_hours: 72
  - by: group
    group: privacy
    needed: 2
conflicts:
  different_people: true
"""


class RuleForm(DocumentForm):
    noun = "rule"

    class Meta:
        model = RequestRule
        fields: list[str] = []

    def parse(self, document: Mapping[str, Any]) -> Rule:
        """A rule."""
        return parse_rule(document)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = self.fields["text"]
        text.initial = text.initial or EXAMPLE
        text.help_text = "One rule. Saving puts it in force; open requests keep their stages."


@admin.register(RequestRule)
class RequestRuleAdmin(StaffAdmin):
    """Superusers see and write all rules, stewards those that stay in their domains."""

    form = RuleForm
    list_display = ["name", "version", "author", "changed_at", "retired_at"]
    search_fields = ["name"]
    actions = ["retire"]
    fields = ["text"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("author")
        if is_superuser(request):
            return rows
        return rows.filter(pk__in=[row.pk for row in rows if self._is_mine(request, row)])

    def _is_mine(self, request: HttpRequest, obj: RequestRule | None) -> bool:
        if not is_staff(request) or obj is None:
            return is_staff(request)
        viewer = viewer_of(request)
        return may_write_rule(viewer.principal, parse_rule(obj.document), facts=viewer.facts)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A retired rule stays: who had to agree at any time must be known."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        saved = save_rule(form.cleaned_data["document"], by=viewer_of(request).principal)
        obj.__dict__.update(saved.__dict__)

    @admin.action(description="Retire the selected rules", permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[RequestRule]) -> None:
        for row in queryset:
            if not self._is_mine(request, row):
                raise PermissionDenied
            try:
                retire_rule(row, by=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
            else:
                messages.success(request, f"Rule {row.name} is retired.")


@admin.register(Delegation)
class DelegationAdmin(ReadOnlyMixin, SuperuserAdmin):
    """Who is away and who decides for them; people write their own on their page."""

    list_display = ["person", "delegate", "starts_at", "ends_at", "ended_at"]
    list_select_related = ["person", "delegate"]
    search_fields = ["person__username", "delegate__username"]
    fields = ["person", "delegate", "dataset", "domain", "starts_at", "ends_at", "ended_at"]
    readonly_fields = fields
    actions = ["end"]

    @admin.action(description="End the selected ones now", permissions=["view"])
    def end(self, request: HttpRequest, queryset: QuerySet[Delegation]) -> None:
        for row in queryset:
            try:
                end_delegation(row, by=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
            else:
                messages.success(request, f"{row}: ended.")
