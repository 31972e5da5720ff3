"""The audit log: nothing is changed here but that a person is erased."""

import orjson
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from core.errors import LakewardenError
from governance.auditing.reading import read_record, records_by
from governance.auditing.subjects import name_of, pseudonyms_of
from governance.models import AuditCheckpoint, AuditRecord, AuditSegment, AuditSubject
from governance.services.audit_subjects import erase_audit_subject
from web.access import current_user
from web.admin.base import ReadOnlyMixin, SuperuserAdmin, say


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyMixin, SuperuserAdmin):
    """The list shows persons by pseudonym; a record's own page names them. The search takes names."""

    list_display = ["at", "actor", "action", "resource", "sequence"]
    list_filter = ["action"]
    search_fields = ["=actor", "=action", "resource"]
    ordering = ["-pk"]
    fields = ["sequence", "at", "told", "action", "body", "leaf"]
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        return (found | records_by(search_term, queryset) if search_term else found), may_repeat

    @admin.display(description="who and to what")
    def told(self, record: AuditRecord) -> str:
        told = read_record(record)
        return f"{told.actor}: {told.resource}"

    @admin.display(description="payload")
    def body(self, record: AuditRecord) -> str:
        payload = read_record(record).payload
        if payload is None:
            return "erased"
        return format_html(
            "<pre>{}</pre>", orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()
        )

    @admin.display(description="leaf hash")
    def leaf(self, record: AuditRecord) -> str:
        return bytes(record.leaf_hash).hex()


class ReasonForm(ActionForm):
    """Why persons are erased; the service refuses without."""

    reason = forms.CharField(
        required=False, max_length=2000, widget=UnfoldAdminTextInputWidget, label="Reason"
    )


@admin.register(AuditSubject)
class AuditSubjectAdmin(ReadOnlyMixin, SuperuserAdmin):
    """The persons of the log. Erasing one is an action: the key goes, the records and every proof stay."""

    list_display = ["pseudonym", "person", "created_at", "erased_at"]
    fields = list_display
    readonly_fields = list_display
    ordering = ["-pk"]
    search_fields = ["=pseudonym"]
    actions = ["erase"]
    action_form = ReasonForm

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditSubject], search_term: str
    ) -> tuple[QuerySet[AuditSubject], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        named = queryset.filter(pseudonym__in=pseudonyms_of(search_term))
        return (found | named if search_term else found), may_repeat

    @admin.display(description="person")
    def person(self, subject: AuditSubject) -> str:
        return name_of(subject) or "erased"

    @admin.action(description="Erase the selected persons from the log, for good")
    def erase(self, request: HttpRequest, queryset: QuerySet[AuditSubject]) -> None:
        by, reason = current_user(request), request.POST.get("reason", "")
        try:
            for name in sorted(filter(None, map(name_of, queryset))):
                erase_audit_subject(by=by, username=name, reason=reason)
        except LakewardenError as error:
            say(request, error)


@admin.register(AuditSegment)
class AuditSegmentAdmin(ReadOnlyMixin, SuperuserAdmin):
    list_display = ["first", "end", "uri", "size", "retained_until", "written_at"]
    fields = [*list_display, "sha256"]


@admin.register(AuditCheckpoint)
class AuditCheckpointAdmin(ReadOnlyMixin, SuperuserAdmin):
    list_display = ["tree_size", "root", "signed_at", "key_id"]
    fields = ["tree_size", "root", "signed_at", "key_id"]
    readonly_fields = fields

    @admin.display(description="root hash")
    def root(self, checkpoint: AuditCheckpoint) -> str:
        return bytes(checkpoint.root_hash).hex()
