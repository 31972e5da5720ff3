"""People, groups and their tokens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from core.errors import LakewardenError
from governance.glass import may_break_glass
from governance.services.break_glass import set_may_break_glass
from identity.models import ApiToken, User
from identity.models.token import Scope
from identity.queries import accounts_answered_for, orphaned_accounts, service_accounts
from identity.services import end_access, issue_token, revoke_token
from identity.services.second_factor import reset
from identity.services.tokens import record_token
from web.access import current_user, principal_of_viewer
from web.admin.base import StaffAdmin, is_staff, is_superuser, record_change, say
from web.forms.token import LIFETIMES

PEOPLE_FIELDS = ("username", "first_name", "last_name")


class StaffViewMixin:
    """Staff look people up, to name them as owners and in grants; superusers change them."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Names stand in the audit log and in history: an account is made inactive, never removed."""
        del request, obj
        return False


class OrphanFilter(admin.SimpleListFilter):
    """Service accounts whose owners have left: somebody must answer for them, or end them."""

    title = "owner"
    parameter_name = "orphaned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        return [("1", "has left")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        del request
        if self.value() != "1":
            return queryset
        return queryset.filter(pk__in=orphaned_accounts().values("pk"))


@admin.register(User)
class UserAdmin(StaffViewMixin, StaffAdmin, DjangoUserAdmin[User]):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff", "is_service"]
    list_filter = ["is_active", "is_staff", "is_service", OrphanFilter]
    search_fields = ["username", "first_name", "last_name"]
    ordering = ["username"]
    filter_horizontal = ["groups"]
    actions = ["reset_second_factor", "allow_break_glass", "disallow_break_glass"]
    readonly_fields = ["last_login", "date_joined", "breaks_glass"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Facts for policies", {"fields": ["groups", "attributes"]}),
        ("Account", {"fields": ["is_active", "is_staff", "is_superuser", "breaks_glass"]}),
        ("Service account", {"fields": ["is_service", "responsible", "responsible_group"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Who is made inactive is signed out everywhere, and their tokens are revoked."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data and not obj.is_active:
            end_access(obj)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name for it
        form_url: str = "",
    ) -> HttpResponse:
        """Django's own page, with its record."""
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            record_change(request, User.objects.get(pk=id), "change_password")
        return response

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    @admin.action(
        description="Take the second factor of the selected users away", permissions=["reset"]
    )
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            reset(user, actor=current_user(request).username)

    @admin.action(
        description="Let the selected users break the glass in an emergency", permissions=["reset"]
    )
    def allow_break_glass(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_may_break_glass(request, queryset, allowed=True)

    @admin.action(description="Take the permission to break the glass away", permissions=["reset"])
    def disallow_break_glass(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_may_break_glass(request, queryset, allowed=False)

    def _set_may_break_glass(
        self, request: HttpRequest, queryset: QuerySet[User], *, allowed: bool
    ) -> None:
        for user in queryset:
            try:
                set_may_break_glass(user, by=principal_of_viewer(request), allowed=allowed)
            except LakewardenError as error:
                say(request, error)

    @admin.display(description="may break the glass", boolean=True)
    def breaks_glass(self, user: User) -> bool:
        return may_break_glass(user)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Groups and attributes give access, which nobody gives to themselves."""
        own = ["groups", "attributes"] if obj is not None and obj == request.user else []
        return [*super().get_readonly_fields(request, obj), *own]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A steward sees a name, and neither address nor attributes."""
        if is_superuser(request):
            return super().get_fieldsets(request, obj)
        return [(None, {"fields": PEOPLE_FIELDS})]


@admin.register(Group)
class GroupAdmin(StaffViewMixin, StaffAdmin):
    list_display = ["name"]
    search_fields = ["name"]
    ordering = ["name"]
    fields = ["name"]


class TokenAdminForm(forms.ModelForm[ApiToken]):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    days = forms.ChoiceField(
        choices=LIFETIMES, initial="30", label="Valid for", widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = ApiToken
        fields = ["user", "name"]


@admin.register(ApiToken)
class ApiTokenAdmin(StaffAdmin):
    """One's own tokens, and those of the service accounts that one answers for: superusers answer for all."""

    form = TokenAdminForm
    list_display = ["name", "user", "hint", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]
    actions = ["revoke"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        tokens: QuerySet[Any] = super().get_queryset(request)
        if is_superuser(request):
            return tokens
        user = current_user(request)
        return tokens.filter(
            Q(user=user.pk) | Q(user__in=accounts_answered_for(user).order_by().values("pk"))
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not is_staff(request):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token is made and revoked, never edited."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        if obj is None:
            return ["user", "name", "scopes", "days"]
        return ["user", "name", "hint", "created_at", "expires_at", "revoked_at", "last_used_at"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A token for oneself, or for a program that one answers for: nobody becomes another person thereby."""
        if db_field.name == "user":
            user = current_user(request)
            mine = service_accounts() if is_superuser(request) else accounts_answered_for(user)
            programs = mine.filter(is_active=True).order_by().values("pk")
            allowed = User.objects.filter(Q(pk=user.pk) | Q(pk__in=programs))
            kwargs |= {"queryset": allowed, "initial": user.pk}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del change
        token, secret = issue_token(
            user=obj.user,
            name=obj.name,
            scopes=form.cleaned_data["scopes"],
            lifetime=timedelta(days=int(form.cleaned_data["days"])),
            issuer=current_user(request),
        )
        # The form's own unsaved instance becomes the saved one, for Django's log entry.
        obj.__dict__.update(token.__dict__)
        request._new_token_text = secret  # type: ignore[attr-defined]  # noqa: SLF001
        record_token(token, "create", actor=current_user(request).username)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the text in this answer: a redirect would have to carry it in a cookie."""
        del post_url_continue
        context = {
            **self.admin_site.each_context(request),
            "title": "The new token",
            "token": obj,
            "secret": request._new_token_text,  # type: ignore[attr-defined]  # noqa: SLF001
            "opts": self.opts,
        }
        return render(request, "web/admin/new_token.html", context)

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            revoke_token(token)
            record_token(token, "revoke", actor=current_user(request).username)
