"""Grants, access requests, policies, declassifications and the audit log. All writes go through the services."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from catalog.models import Domain
from core.errors import LakewardenError
from governance.facts import ACTION_BY_VERB
from governance.models import (
    AccessRequest,
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    RequestState,
)
from governance.opening import describe_opening
from governance.policy.types import Action, Principal
from governance.services.grants import grant_access, revoke_grant
from governance.services.requests import approve_request, deny_request
from web.access import administered_domains, viewer_of, visible_datasets
from web.admin.base import (
    KernelAdmin,
    StaffAdmin,
    is_staff,
    say,
)

STATE_COLOURS = {
    RequestState.PENDING: "warning",
    RequestState.OFFERED: "warning",
    RequestState.APPROVED: "success",
    RequestState.DENIED: "danger",
    RequestState.WITHDRAWN: "info",
    RequestState.CANCELLED: "info",
    RequestState.EXPIRED: "info",
    RequestState.REVOKED: "danger",
}


class GrantForm(forms.ModelForm[Any]):
    """What is granted: an action, and for `read` its rows and columns."""

    action = forms.ChoiceField(
        choices=[(str(action), str(action)) for action in ACTION_BY_VERB.values()],
        initial=str(Action.READ),
        widget=UnfoldAdminSelectWidget,
    )


class GrantAdmin(StaffAdmin):
    """A grant is given and revoked, never changed: what somebody could see at any time stays known."""

    form = GrantForm
    subject: ClassVar[str]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        del request
        return [self.subject, "content_object", "what", "rows", "shown_columns", "expires_at"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        del request
        name = "username" if self.subject == "user" else "name"
        return [f"{self.subject}__{name}", "content_object__name", "purpose"]

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        del request
        return [self.subject, "content_object"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        terms = ["row_filter", "columns", "purpose", "expires_at"]
        if obj is None:
            return [self.subject, "content_object", "action", *terms]
        return [self.subject, "content_object", "what", *terms, "granted_by", "granted_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj) if obj is not None else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        allowed = self._targets(request)
        linked = (self.subject, "permission", "content_object", "granted_by")
        rows: QuerySet[Any] = super().get_queryset(request).select_related(*linked)
        return rows.filter(content_object__in=allowed.values("pk"))

    def _targets(self, request: HttpRequest) -> QuerySet[Any]:
        """Where the viewer may grant: the services ask the same."""
        target = self.model._meta.get_field("content_object").related_model  # noqa: SLF001
        if target is Domain:
            return administered_domains(request)
        return visible_datasets(request, Action.APPROVE)

    def _is_allowed(self, request: HttpRequest, obj: Any) -> bool:
        if not is_staff(request):
            return False
        return obj is None or self._targets(request).filter(pk=obj.content_object_id).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_allowed(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_allowed(request, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "content_object":
            kwargs["queryset"] = self._targets(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        granted = grant_access(
            by=viewer_of(request).principal,
            subject=getattr(obj, self.subject),
            target=obj.content_object,
            action=Action(form.cleaned_data["action"]),
            row_filter=obj.row_filter or None,
            columns=obj.columns or None,
            purpose=obj.purpose,
            expires_at=obj.expires_at,
        )
        obj.__dict__.update(granted.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        revoke_grant(obj, by=viewer_of(request).principal, reason="revoked in the admin")

    @admin.display(description="action")
    def what(self, grant: Any) -> str:
        verb = grant.permission.codename.rpartition("_")[0]
        return str(ACTION_BY_VERB.get(verb, verb))

    @admin.display(description="rows")
    def rows(self, grant: Any) -> str:
        return str(grant.row_filter or "all")

    @admin.display(description="columns")
    def shown_columns(self, grant: Any) -> str:
        return ", ".join(grant.columns) if grant.columns else "all"


@admin.register(DatasetUserGrant, DomainUserGrant)
class UserGrantAdmin(GrantAdmin):
    subject = "user"


@admin.register(DatasetGroupGrant, DomainGroupGrant)
class GroupGrantAdmin(GrantAdmin):
    subject = "group"


@admin.register(AccessRequest)
class AccessRequestAdmin(KernelAdmin):
    """Requests on what the viewer approves. The two buttons of a pending one decide it."""

    needed = Action.APPROVE
    list_display = ["dataset", "requester", "purpose", "show_state", "created_at", "expires_at"]
    list_filter = ["state"]
    list_select_related = ["dataset", "requester"]
    search_fields = ["dataset__name", "requester__username", "purpose"]
    terms = [
        "dataset",
        "requester",
        "purpose",
        "duration",
        "would_open",
        "state",
        "created_at",
        "decided_at",
        "decided_by",
        "expires_at",
    ]
    fields = [*terms, "decision_comment"]
    formfield_overrides: ClassVar[dict[Any, Any]] = {}
    actions = ["approve", "deny"]
    actions_submit_line = ["approve_now", "deny_now"]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AccessRequest | None:
        """The request, with the viewer for whom `would_open` is worked out."""
        asked: AccessRequest | None = super().get_object(request, object_id, from_field)
        if asked is not None:
            asked.viewer = viewer_of(request).principal  # type: ignore[attr-defined]
        return asked

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People ask for themselves, on the dataset's page."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        open_for_decision = obj is None or obj.state == RequestState.PENDING
        return open_for_decision and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request, obj
        return self.terms

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """There is nothing to save but a decision."""
        without_save = {"show_save": False, "show_save_and_continue": False}
        context = {**(extra_context or {}), **without_save}
        return super().changeform_view(request, object_id, form_url, context)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "decision_comment" and field is not None:
            field.widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
            field.help_text = "The requester reads it. A denial needs one."
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        """Saving is deciding: nothing else of a request can be changed."""
        del form, change
        pressed = [
            name for name in ("approve_now", "deny_now") if self._button(name) in request.POST
        ]
        if not pressed:
            messages.warning(request, "Nothing was decided: choose to approve or to deny.")
            return
        self._decide(request, obj, approve=pressed == ["approve_now"], comment=obj.decision_comment)

    def _button(self, name: str) -> str:
        return str(self.get_unfold_action(name).action_name)

    def _decide(self, request: HttpRequest, obj: Any, *, approve: bool, comment: str) -> None:
        by = viewer_of(request).principal
        if approve:
            approve_request(obj, by=by, comment=comment)
        else:
            deny_request(obj, by=by, comment=comment)
        obj.refresh_from_db(fields=["state"])
        done = obj.get_state_display() if approve else "denied"
        messages.success(request, f"The request of {obj.requester} is {done}.")

    @admin.action(description="Approve")
    def approve_now(self, request: HttpRequest, obj: AccessRequest) -> None:
        """A button; `save_model` carries it out."""

    @admin.action(description="Deny")
    def deny_now(self, request: HttpRequest, obj: AccessRequest) -> None:
        """A button; `save_model` carries it out."""

    @admin.action(description="Approve the selected requests", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[AccessRequest]) -> None:
        self._decide_all(request, queryset, approve=True)

    @admin.action(description="Deny the selected requests", permissions=["change"])
    def deny(self, request: HttpRequest, queryset: QuerySet[AccessRequest]) -> None:
        self._decide_all(request, queryset, approve=False)

    def _decide_all(
        self, request: HttpRequest, queryset: QuerySet[AccessRequest], *, approve: bool
    ) -> None:
        """Each by its own decision: one that is refused leaves the others decided."""
        for asked in queryset.select_related("dataset", "requester"):
            try:
                self._decide(
                    request, asked, approve=approve, comment="" if approve else "denied in a batch"
                )
            except LakewardenError as error:
                say(request, error)

    @display(description="state", label=STATE_COLOURS)
    def show_state(self, asked: AccessRequest) -> Any:
        return asked.state, asked.get_state_display()

    @admin.display(description="would open")
    def would_open(self, asked: AccessRequest) -> str:
        """The cells, with the labels they bear, beside what the person reads today."""
        viewer: Principal = asked.viewer  # type: ignore[attr-defined]
        opening = describe_opening(asked, viewer=viewer)
        columns = format_html_join(
            "",
            "<li><code>{}</code> {}{}</li>",
            (
                (
                    column.name,
                    f"[{', '.join(map(str, column.labels))}]" if column.labels else "",
                    " - nothing new" if column.opens is None else "",
                )
                for column in opening.columns
            ),
        )
        rows = opening.rows or "all rows"
        return format_html("<p>Rows: <code>{}</code></p><ul>{}</ul>", rows, columns)
