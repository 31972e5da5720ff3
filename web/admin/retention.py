"""Rules of retention, legal holds and erasures, for those who administer the house; stewards have the API."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import orjson
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from catalog.models import Tag
from core.clock import utc_now
from core.errors import LakewardenError
from governance.models import ErasureRequest, LegalHold, RetentionRule
from governance.retention.rules import Rule, parse_retention_rule
from governance.services.erasures import (
    approve_erasure,
    replan_erasure,
    request_erasure,
    withdraw_erasure,
)
from governance.services.holds import place_hold, release_hold
from governance.services.retention import retire_retention_rule, save_retention_rule
from web.access import viewer_of
from web.admin.base import SuperuserAdmin, is_superuser, say
from web.admin.documents import DocumentForm

EXAMPLE = """name: server-logs
description: logs are kept for a month and gone after a year
applies_to:
  name: ["raw.logs*"]
keep_days: 30
delete:
  what: rows
  column: written_at
  after_days: 365
"""
DUE_DAYS = 30


class RetentionForm(DocumentForm):
    noun = "rule"

    class Meta:
        model = RetentionRule
        fields: list[str] = []

    def parse(self, document: Mapping[str, Any]) -> Rule:
        """A rule."""
        return parse_retention_rule(document)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].initial = self.fields["text"].initial or EXAMPLE
        self.fields["text"].help_text = "One rule. Saving puts it in force."


class UndeletedAdmin(SuperuserAdmin):
    """What was held, kept and erased stays on record."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def each(
        self, request: HttpRequest, rows: QuerySet[Any], do: Callable[..., Any], done: str
    ) -> None:
        """Do it to each row in the viewer's name, and say what came of it."""
        for row in rows:
            try:
                do(row, by=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
            else:
                messages.success(request, f"{row}: {done}.")


@admin.register(RetentionRule)
class RetentionRuleAdmin(UndeletedAdmin):
    form = RetentionForm
    list_display = ["name", "version", "author", "changed_at", "retired_at"]
    list_select_related = ["author"]
    search_fields = ["name"]
    fields = ["text"]
    actions = ["retire"]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        saved = save_retention_rule(form.cleaned_data["document"], by=viewer_of(request).principal)
        obj.__dict__.update(saved.__dict__)

    @admin.action(description="Retire the selected rules", permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[RetentionRule]) -> None:
        self.each(request, queryset, retire_retention_rule, "retired")


class HoldForm(forms.ModelForm[LegalHold]):
    """One target when it is placed; a reason of its own when it is released."""

    class Meta:
        model = LegalHold
        fields: ClassVar[list[str]] = ["dataset", "domain", "tag", "reason", "release_reason"]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if self.instance.pk:
            if not found.get("release_reason"):
                self.add_error("release_reason", "say why it ends")
            return found
        if sum(bool(found.get(name)) for name in ("dataset", "domain", "tag")) != 1:
            raise forms.ValidationError("give one of dataset, domain and tag")
        if found.get("tag") and not Tag.objects.filter(name=found["tag"]).exists():
            self.add_error("tag", "there is no such tag")
        return found


@admin.register(LegalHold)
class LegalHoldAdmin(UndeletedAdmin):
    """Saved with a reason of release, it ends. Holds on persons are placed by API or command."""

    form = HoldForm
    list_display = ["target_name", "reason", "placed_by", "placed_at", "released_at"]
    list_filter = ["released_at"]
    list_select_related = ["dataset", "domain", "placed_by"]
    autocomplete_fields = ["dataset", "domain"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        shown = ["dataset", "domain", "tag", "reason"]
        more = ["is_of_person", "placed_by", "placed_at", "released_by", "released_at"]
        return shown if obj is None else [*shown, *more, "release_reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        fields = self.get_fields(request, obj)
        return fields if obj.released_at else fields[:-1]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and (obj is None or obj.released_at is None)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        by = viewer_of(request).principal
        if change:
            saved = release_hold(obj, by=by, reason=form.cleaned_data["release_reason"])
        else:
            target = obj.dataset or obj.domain or Tag.objects.get(name=obj.tag)
            saved = place_hold(target, by=by, reason=obj.reason)
        obj.__dict__.update(saved.__dict__)


class ErasureForm(forms.ModelForm[ErasureRequest]):
    given = forms.JSONField(
        label="Identifiers",
        help_text='Such as [{"label": "pii.email", "value": "…"}]. They are sealed, and shown to nobody.',
    )

    class Meta:
        model = ErasureRequest
        fields: ClassVar[list[str]] = ["given", "reason", "due_at", "everywhere"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "due_at" in self.fields:
            self.fields["due_at"].initial = utc_now() + timedelta(days=DUE_DAYS)


@admin.register(ErasureRequest)
class ErasureRequestAdmin(UndeletedAdmin):
    """A worker plans it; another administrator approves it; a worker carries it out."""

    form = ErasureForm
    list_display = ["uuid", "state", "reason", "requested_by", "due_at", "decided_by", "last_error"]
    list_filter = ["state"]
    list_select_related = ["requested_by", "decided_by"]
    actions = ["plan_anew", "approve", "withdraw"]
    told = ["state", "identifiers", "reason", "everywhere", "requested_by", "due_at", "planned", "decided_by", "decided_at", "comment", "last_error", "finished_at", "certified"]  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return ["given", "reason", "due_at", "everywhere"] if obj is None else self.told

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return [] if obj is None else self.told

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and obj is None

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        saved = request_erasure(
            by=viewer_of(request).principal,
            identifiers=form.cleaned_data["given"],
            reason=obj.reason,
            due_at=obj.due_at,
            everywhere=obj.everywhere,
        )
        obj.__dict__.update(saved.__dict__)

    @admin.action(description="Plan the selected anew", permissions=["view"])
    def plan_anew(self, request: HttpRequest, queryset: QuerySet[ErasureRequest]) -> None:
        self.each(request, queryset, replan_erasure, "is planned by a worker")

    @admin.action(description="Approve the selected", permissions=["view"])
    def approve(self, request: HttpRequest, queryset: QuerySet[ErasureRequest]) -> None:
        self.each(request, queryset, approve_erasure, "approved")

    @admin.action(description="Withdraw the selected", permissions=["view"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[ErasureRequest]) -> None:
        self.each(request, queryset, withdraw_erasure, "withdrawn")

    @admin.display(description="plan")
    def planned(self, row: ErasureRequest) -> str:
        return _pretty(row.plan)

    @admin.display(description="certificate")
    def certified(self, row: ErasureRequest) -> str:
        return _pretty(row.certificate)


def _pretty(document: Any) -> str:
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    return format_html("<pre>{}</pre>", text)
