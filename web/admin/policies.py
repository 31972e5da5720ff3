"""Policies as documents, and where labels stop."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from catalog.models import Dataset, Field
from core.errors import LakewardenError
from governance.facts import as_policy
from governance.models import Declassification, PolicyStatus, PolicyVersion
from governance.policy.documents import dump_documents, parse_policy
from governance.policy.types import Policy
from governance.services.labels import approve_declassification, withdraw_declassification
from governance.services.policies import (
    may_write_policy,
    publish_policy,
    retire_policy,
    save_policy_draft,
)
from web.access import viewer_of
from web.admin.base import KernelAdmin, StaffAdmin, is_staff, is_superuser, limited_choices, say
from web.admin.documents import DocumentForm

STATUS_COLOURS = {
    PolicyStatus.DRAFT: "warning",
    PolicyStatus.PUBLISHED: "success",
    PolicyStatus.RETIRED: "info",
}
EXAMPLE = """name: mask-emails
description: e-mail addresses are shown to nobody but the privacy team
applies_to:
  field_tags: [pii.email]
except:
  groups: [privacy]
effect:
  column_mask: show-last-4
"""


class PolicyForm(DocumentForm):
    noun = "policy"

    class Meta:
        model = PolicyVersion
        fields: list[str] = []

    def parse(self, document: Mapping[str, Any]) -> Policy:
        """A policy."""
        return parse_policy(document)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = self.fields["text"]
        text.initial = text.initial or EXAMPLE
        text.help_text = (
            "One policy. Saving checks it against every dataset that it matches, and makes a draft."
        )

    def stored_name(self) -> str:
        """That of the policy, which all its versions share."""
        return str(self.instance.policy.name)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(StaffAdmin):
    """Drafted, published, retired; a published version never changes.

    A steward sees and writes the policies that stay in their domains; superusers all.
    """

    form = PolicyForm
    list_display = ["policy", "number", "show_status", "author", "created_at", "published_at"]
    list_filter = ["status"]
    search_fields = ["policy__name", "policy__description"]
    ordering = ["policy__name", "-number"]
    actions = ["publish", "retire"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("policy", "author")
        if is_superuser(request):
            return rows
        return rows.filter(pk__in=[row.pk for row in rows if self._may_write(request, row)])

    def _may_write(self, request: HttpRequest, row: PolicyVersion) -> bool:
        """An unreadable document denies everything, and is for superusers to retire."""
        viewer = viewer_of(request)
        policy = as_policy(row)
        return policy.error is None and may_write_policy(
            viewer.principal, policy, facts=viewer.facts
        )

    def _is_mine(self, request: HttpRequest, obj: Any) -> bool:
        if not is_staff(request) or obj is None:
            return is_staff(request)
        return is_superuser(request) or self._may_write(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_draft = obj is None or obj.status == PolicyStatus.DRAFT
        return is_draft and self._is_mine(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retired versions stay: what was in force at any time must be known."""
        del request, obj
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if self.has_change_permission(request, obj):
            return ["text"] if obj is None else ["text", "show_status"]
        return ["policy", "number", "show_status", "author", "published_at", "retired_at", "yaml"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in self.get_fields(request, obj) if name != "text"]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        draft = save_policy_draft(form.cleaned_data["document"], by=viewer_of(request).principal)
        obj.__dict__.update(draft.__dict__)

    def has_write_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    @admin.action(description="Publish the selected drafts", permissions=["write"])
    def publish(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> None:
        for row in queryset:
            self._step(request, row, publish_policy, "published")

    @admin.action(description="Retire the selected versions", permissions=["write"])
    def retire(self, request: HttpRequest, queryset: QuerySet[PolicyVersion]) -> None:
        for row in queryset:
            self._step(request, row, retire_policy, "retired")

    def _step(self, request: HttpRequest, row: PolicyVersion, service: Any, done: str) -> None:
        if not self._is_mine(request, row):
            raise PermissionDenied
        try:
            service(row, by=viewer_of(request).principal)
        except LakewardenError as error:
            say(request, error)
        else:
            messages.success(request, f"{row.policy} version {row.number} is {done}.")

    @display(description="status", label=STATUS_COLOURS)
    def show_status(self, row: PolicyVersion) -> Any:
        return row.status, row.get_status_display()

    @admin.display(description="document")
    def yaml(self, row: PolicyVersion) -> str:
        return format_html("<pre>{}</pre>", dump_documents([row.document]))


@admin.register(Declassification)
class DeclassificationAdmin(KernelAdmin):
    """Where a label stops, and who said so. The source's steward decides."""

    dataset_paths = ("source__dataset",)
    list_display = ["source", "target", "reason", "approved_by", "approved_at"]
    list_select_related = ["source__dataset", "target__dataset", "approved_by"]
    autocomplete_fields = ["source", "target"]
    fields = ["source", "target", "reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = limited_choices(request, Dataset)
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if visible is None else rows.filter(target__dataset__in=visible.values("pk"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is Field:
            datasets = limited_choices(request, Dataset)
            kwargs["queryset"] = Field.objects.present().filter(dataset__in=datasets or [])
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del form, change
        made = approve_declassification(
            obj.source, obj.target, by=viewer_of(request).principal, reason=obj.reason
        )
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        withdraw_declassification(obj, by=viewer_of(request).principal)
