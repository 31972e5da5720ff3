"""Admin classes that obey the policy kernel: lists are restricted in SQL, objects by decision, writes are audited."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin, TabularInline

from catalog.models import Dataset, Domain, GlossaryTerm
from core import audit
from core.errors import LakewardenError
from governance.policy.types import Action
from identity.models import User
from web.access import administered_domains, current_user, may, visible_datasets, visible_terms


def is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def is_superuser(request: HttpRequest) -> bool:
    return bool(is_staff(request) and request.user.is_superuser)


def follow(obj: Model, path: str) -> Any:
    """The object at the end of a `__` path; None where a link of it is empty. The path "" is `obj` itself."""
    end: Any = obj
    for name in path.split("__") if path else ():
        if end is None:
            return None
        end = getattr(end, name)
    return end


class LimitedChoicesMixin:
    """Offers and accepts only what the person at the form may manage."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Narrow links to datasets and domains; a forged id outside of them is refused by the form."""
        limited = limited_choices(request, db_field.related_model)
        if limited is not None and "queryset" not in kwargs:
            kwargs["queryset"] = limited
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


def limited_choices(request: HttpRequest, model: type[Model]) -> QuerySet[Any] | None:
    """The datasets or domains that the viewer manages, the terms that they may know of; None for other models."""
    if model is Dataset:
        return visible_datasets(request, Action.MANAGE)
    if model is Domain:
        return administered_domains(request)
    if model is GlossaryTerm:
        return visible_terms(request)
    return None


class AuditedMixin:
    """Writes one audit record for each change that has no service of its own, in the same transaction."""

    def save_model(
        self, request: HttpRequest, obj: Model, form: ModelForm[Any], change: Any
    ) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        if form.changed_data or not change:
            verb = "update" if change else "create"
            record_change(request, obj, verb, changed=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        record_change(request, obj, "delete")
        super().delete_model(request, obj)  # type: ignore[misc]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one: each deletion is checked and recorded."""
        for obj in queryset:
            if not self.has_delete_permission(request, obj):  # type: ignore[attr-defined]
                raise PermissionDenied
            self.delete_model(request, obj)


def record_change(
    request: HttpRequest, obj: Model, verb: str, *, changed: Sequence[str] = ()
) -> None:
    """Append `<model>.<verb>` for `obj` to the audit log, with the names of the changed fields."""
    noun = type(obj).__name__.lower()
    key = obj.username if isinstance(obj, User) else obj.pk
    audit.record(
        actor=current_user(request).username,
        action=f"{noun}.{verb}",
        resource=f"{noun}:{key}",
        payload={"via": "admin", "name": str(obj), "fields": sorted(changed)},
    )


def say(request: HttpRequest, error: LakewardenError) -> None:
    """Tell what a service refused."""
    messages.error(request, f"{error.message[:1].upper()}{error.message[1:]}")


class ServiceErrorMixin:
    """Shows a service's refusal as a message on the page it came from. The transaction is undone."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            answer: HttpResponse = super().changeform_view(  # type: ignore[misc]
                request, object_id, form_url, extra_context
            )
        except LakewardenError as error:
            say(request, error)
            return HttpResponseRedirect(request.get_full_path())
        return answer


def _may_be(model: type[Model], name: str, value: Any) -> bool:
    """Whether a field of the model may have this value, as far as it refers to other rows."""
    try:
        related = model._meta.get_field(name).related_model  # noqa: SLF001 - Django's documented Model _meta API
    except FieldDoesNotExist:
        return False
    if related is None or isinstance(related, str):
        return True
    try:
        for each in value if isinstance(value, list) else [value]:
            related._meta.pk.run_validators(related._meta.pk.to_python(each))  # noqa: SLF001 - as above
    except ValidationError:
        return False
    return True


class StaffAdmin(ServiceErrorMixin, LimitedChoicesMixin, AuditedMixin, ModelAdmin):
    """What every steward may see, and superusers may change: vocabulary and infrastructure."""

    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse before the row is looked for, so that the answer does not tell whether it is there."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        answer: HttpResponse = super().history_view(request, object_id, extra_context)
        return answer

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a link fills in beforehand, without keys that no row can have: the form's widgets break on them."""
        found: dict[str, Any] = super().get_changeform_initial_data(request)
        return {name: value for name, value in found.items() if _may_be(self.model, name, value)}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return is_superuser(request)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What hangs on a row may be of datasets that the person may not know of: it is neither named nor counted."""
        if not all(self.has_delete_permission(request, obj) for obj in objs):
            raise PermissionDenied
        names, counts, refused, protected = super().get_deleted_objects(objs, request)
        if is_superuser(request):
            return names, counts, refused, protected
        own = [str(obj) for obj in objs]
        told = {str(self.model._meta.verbose_name_plural): len(own)}  # noqa: SLF001 - public in Django's documentation
        return own, told, set(), ["something that needs it"] if protected else []


class SuperuserAdmin(StaffAdmin):
    """What only those who administer the whole house see."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return is_superuser(request)


class KernelAdmin(StaffAdmin):
    """Rows that belong to a dataset: whoever may do `needed` to it sees and changes them, and nobody else.

    `dataset_paths` are the `__` paths from the row to its dataset; one that leads somewhere is enough.
    """

    dataset_paths: ClassVar[tuple[str, ...]] = ("dataset",)
    needed: ClassVar[Action] = Action.MANAGE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = visible_datasets(request, self.needed)
        rows: QuerySet[Any] = super().get_queryset(request)
        return restrict_rows(rows, self.dataset_paths, visible)

    def is_allowed(self, request: HttpRequest, obj: Any) -> bool:
        """Ask the kernel about this one row; without a row, whether the person works in the admin at all."""
        if not is_staff(request):
            return False
        if obj is None:
            return True
        datasets = [follow(obj, path) for path in self.dataset_paths]
        return any(dataset and may(request, self.needed, dataset) for dataset in datasets)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_allowed(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_allowed(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_allowed(request, obj)


def restrict_rows(
    rows: QuerySet[Any], paths: Sequence[str], visible: QuerySet[Dataset]
) -> QuerySet[Any]:
    """The rows of which some path leads to a dataset of `visible`."""
    ids = visible.values("pk")
    condition = Q()
    for path in paths:
        condition |= Q(**{f"{path}__in" if path else "pk__in": ids})
    return rows.filter(condition)


class ReadOnlyMixin:
    """Nothing is added, changed or removed here: the rows are history, or are derived."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False


class ParentRulesMixin(LimitedChoicesMixin):
    """An inline is allowed what its parent's admin allows on the parent."""

    def _parent_allows(self, request: HttpRequest, obj: Any) -> bool:
        parent = self.admin_site.get_model_admin(self.parent_model)  # type: ignore[attr-defined]
        if obj is None:
            return bool(parent.has_add_permission(request))
        return bool(parent.has_change_permission(request, obj))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        parent = self.admin_site.get_model_admin(self.parent_model)  # type: ignore[attr-defined]
        return bool(parent.has_view_permission(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._parent_allows(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._parent_allows(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._parent_allows(request, obj)


class TabularKernelInline(ParentRulesMixin, TabularInline):
    extra = 0


class ReadOnlyInline(ReadOnlyMixin, TabularKernelInline):
    """Shown, never changed."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        del request, obj
        return self.fields or ()


def each_allowed(admin: ModelAdmin, request: HttpRequest, rows: QuerySet[Any]) -> Iterator[Any]:
    """The rows of a bulk action, each asked of the kernel again; PermissionDenied stops all of it."""
    for row in rows:
        if not admin.has_change_permission(request, row):
            raise PermissionDenied
        yield row
