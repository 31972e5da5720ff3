"""Domains, datasets, fields, tags, jobs and runs."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.models import (
    Dataset,
    DatasetOwner,
    DatasetTag,
    DatasetTerm,
    DatasetVersion,
    Domain,
    DomainSteward,
    Field,
    FieldTag,
    FieldTerm,
    Job,
    Run,
    RunEvent,
    Tag,
)
from catalog.services import datasets as dataset_services
from catalog.services.domains import create_domain
from catalog.services.search import refresh_search_text
from catalog.services.tags import ensure_tag
from web.access import administered_domains, current_user, visible_runs
from web.admin.base import (
    KernelAdmin,
    ReadOnlyInline,
    ReadOnlyMixin,
    StaffAdmin,
    SuperuserAdmin,
    TabularKernelInline,
    is_staff,
    is_superuser,
)
from web.admin.rows import save_rows


class SubjectFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Each row names a user or a group, and not both."""

    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            data = getattr(form, "cleaned_data", None)
            if not data or data.get("DELETE") or not form.has_changed():
                continue
            if (data.get("user") is None) == (data.get("group") is None):
                form.add_error(None, "choose a user or a group, and not both")


class AddAndRemoveInline(TabularKernelInline):
    """Rows are added and removed; there is nothing in them to change."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False


class StewardInline(AddAndRemoveInline):
    model = DomainSteward
    formset = SubjectFormSet
    autocomplete_fields = ["user", "group"]


@admin.register(Domain)
class DomainAdmin(StaffAdmin):
    """A steward manages the domains below their own; only superusers plant new trees or move one."""

    list_display = ["name", "parent", "slug"]
    search_fields = ["name", "slug"]
    inlines = [StewardInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = administered_domains(request)
        domains: QuerySet[Any] = super().get_queryset(request).select_related("parent")
        return domains.filter(pk__in=mine.values("pk"))

    def _is_mine(self, request: HttpRequest, obj: Domain | None) -> bool:
        if not is_staff(request):
            return False
        return obj is None or administered_domains(request).filter(pk=obj.pk).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Moving a domain moves every grant that holds below it; the slug is in the audit log."""
        if obj is None:
            return []
        return ["slug"] if is_superuser(request) else ["name", "slug", "parent"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return ["name", "parent", "description"] + (["slug"] if obj else [])

    def get_form(
        self, request: HttpRequest, obj: Any = None, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        form: type[ModelForm[Any]] = super().get_form(request, obj, **kwargs)
        if "parent" in form.base_fields and not is_superuser(request):
            form.base_fields["parent"].required = True
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = create_domain(
            name=obj.name,
            parent=obj.parent,
            description=obj.description,
            actor=current_user(request).username,
        )
        obj.__dict__.update(made.__dict__)

    def save_formset(
        self, request: HttpRequest, form: ModelForm[Any], formset: Any, change: Any
    ) -> None:
        del form, change
        save_rows(request, formset)


class DatasetTagInline(AddAndRemoveInline):
    model = DatasetTag
    fields = ["tag"]
    autocomplete_fields = ["tag"]


class DatasetTermInline(AddAndRemoveInline):
    model = DatasetTerm
    fields = ["term"]
    autocomplete_fields = ["term"]


class OwnerInline(AddAndRemoveInline):
    model = DatasetOwner
    formset = SubjectFormSet
    autocomplete_fields = ["user", "group"]


class FieldInline(TabularKernelInline):
    model = Field
    fields = ["name", "type", "nullable", "tags", "description"]
    readonly_fields = ["name", "type", "nullable", "tags"]
    show_change_link = True
    can_delete = False
    verbose_name_plural = "fields (open one to tag it)"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        fields: QuerySet[Any] = super().get_queryset(request)
        return fields.filter(removed_at=None).prefetch_related("field_tags__tag")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Fields come from the schema, never by hand."""
        del request, obj
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """One line each: tables have hundreds of columns."""
        if db_field.name == "description":
            kwargs["widget"] = UnfoldAdminTextInputWidget(attrs={"aria-label": "Description"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="tags")
    def tags(self, field: Field) -> str:
        return ", ".join(sorted(each.tag.name for each in field.field_tags.all())) or "-"


class VersionInline(ReadOnlyInline):
    model = DatasetVersion
    fields = ["number", "created_at", "lifecycle", "snapshot_id", "rows"]
    per_page = 10
    verbose_name_plural = "versions"

    @admin.display(description="rows")
    def rows(self, version: DatasetVersion) -> Any:
        return version.statistics.get("rows", "-")


@admin.register(Dataset)
class DatasetAdmin(KernelAdmin):
    """Entries come from ingestion, tables and lineage events; people describe, place, tag and own them."""

    dataset_paths = ("",)
    list_display = ["name", "namespace", "show_kind", "domain", "updated_at"]
    list_filter = ["kind", "structure", ("domain", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["domain"]
    search_fields = ["name", "namespace"]
    ordering = ["name", "pk"]
    readonly_fields = ["namespace", "name", "kind", "structure", "media_type", "links"]
    fields = [*readonly_fields, "domain", "description", "properties"]
    inlines = [OwnerInline, DatasetTagInline, DatasetTermInline, FieldInline, VersionInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By words of tags, columns and owners, too: whoever manages a dataset may view its metadata."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return found, may_repeat
        by_words = Dataset.objects.matching(search_term).order_by().values("pk")
        return queryset.filter(Q(pk__in=found.order_by().values("pk")) | Q(pk__in=by_words)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By hand nothing appears that no program has told of."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Removing a dataset is a retention decision, not a form."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        """Each changed part by its service; another's write to the other parts meanwhile stays."""
        del change
        actor = current_user(request).username
        fresh = Dataset.objects.select_for_update(no_key=True).get(pk=obj.pk)
        if "description" in form.changed_data:
            dataset_services.describe(fresh, description=obj.description, actor=actor)
        if "domain" in form.changed_data:
            dataset_services.move_to_domain(fresh, domain=obj.domain, actor=actor)
        if "properties" in form.changed_data:
            dataset_services.set_properties(fresh, properties=obj.properties, actor=actor)

    def save_formset(
        self, request: HttpRequest, form: ModelForm[Any], formset: Any, change: Any
    ) -> None:
        del change
        save_rows(request, formset)
        refresh_search_text([form.instance.pk])

    @display(description="kind", label=True)
    def show_kind(self, dataset: Dataset) -> str:
        return dataset.get_kind_display()

    @admin.display(description="pages")
    def links(self, dataset: Dataset) -> str:
        """Where the same dataset is shown to people who read it."""
        pages = [
            (reverse("web:dataset", args=[dataset.uuid]), "dataset page"),
            (reverse("web:lineage", args=[dataset.uuid]), "lineage"),
        ]
        return format_html_join(" · ", '<a class="underline" href="{}">{}</a>', pages)


class FieldTagInline(AddAndRemoveInline):
    model = FieldTag
    fields = ["tag"]
    autocomplete_fields = ["tag"]


class FieldTermInline(AddAndRemoveInline):
    model = FieldTerm
    fields = ["term"]
    autocomplete_fields = ["term"]


@admin.register(Field)
class FieldAdmin(KernelAdmin):
    list_display = ["name", "type", "dataset", "tags"]
    list_select_related = ["dataset"]
    search_fields = ["name", "dataset__name"]
    readonly_fields = ["dataset", "name", "type", "nullable", "ordinal"]
    fields = [*readonly_fields, "description"]
    inlines = [FieldTagInline, FieldTermInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).filter(removed_at=None, dataset__deleted_at=None)
        return rows.prefetch_related("field_tags__tag")

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        super().save_model(request, obj, form, change)
        refresh_search_text([obj.dataset_id])

    def save_formset(
        self, request: HttpRequest, form: ModelForm[Any], formset: Any, change: Any
    ) -> None:
        del form, change
        save_rows(request, formset)

    @admin.display(description="tags")
    def tags(self, field: Field) -> str:
        return ", ".join(sorted(each.tag.name for each in field.field_tags.all())) or "-"


@admin.register(Tag)
class TagAdmin(StaffAdmin):
    """The vocabulary is everybody's: stewards add words, superusers remove them; a name never changes."""

    list_display = ["name", "description"]
    search_fields = ["name", "description"]
    fields = ["name", "description"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return ["name"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = ensure_tag(
            name=obj.name, description=obj.description, actor=current_user(request).username
        )
        obj.__dict__.update(made.__dict__)


class History(ReadOnlyMixin, SuperuserAdmin):
    """What programs told: read by those who administer, changed by nobody."""

    show_full_result_count = False


@admin.register(Job)
class JobAdmin(History):
    list_display = ["name", "namespace", "type", "updated_at"]
    search_fields = ["name", "namespace"]


@admin.register(Run)
class RunAdmin(History):
    list_display = ["uuid", "job", "state", "started_at", "ended_at"]
    list_filter = ["state"]
    list_select_related = ["job"]


@admin.register(RunEvent)
class RunEventAdmin(History):
    list_display = ["received_at", "event_time", "event_type", "run", "sender"]
    list_filter = ["event_type"]
    list_select_related = ["run__job", "sender"]
    exclude = ["digest", "body"]


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyMixin, KernelAdmin):
    list_display = ["dataset", "number", "created_at", "lifecycle", "snapshot_id"]
    list_select_related = ["dataset"]
    search_fields = ["dataset__name"]
    ordering = ["-created_at"]
    exclude = ["run"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The run that made the version stays unnamed where it is not shown."""
        if obj is not None:
            obj.shown_run = visible_runs(request).filter(pk=obj.run_id).first()
        return [*super().get_readonly_fields(request, obj), "made_by"]

    @admin.display(description="run")
    def made_by(self, version: DatasetVersion) -> str:
        return str(getattr(version, "shown_run", None) or "-")
