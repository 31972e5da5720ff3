"""Glossary terms, data products, property definitions, contracts and imports."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from catalog.models import (
    CatalogImport,
    DataContract,
    DataProduct,
    DataProductOwner,
    DataProductPort,
    GlossaryTerm,
    PropertyDefinition,
)
from catalog.services import glossary, products
from catalog.services.properties import change_property, define_property, remove_property
from web.access import administered_domains, current_user, visible_datasets
from web.admin.base import KernelAdmin, ReadOnlyMixin, StaffAdmin, SuperuserAdmin, is_staff
from web.admin.catalog import AddAndRemoveInline, SubjectFormSet
from web.admin.rows import save_rows


class DomainOwnedAdmin(StaffAdmin):
    """What belongs to a domain: its stewards, and those above it, see and change it, and nobody else in the admin."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = administered_domains(request)
        rows: QuerySet[Any] = super().get_queryset(request).select_related("domain")
        return rows.filter(domain__in=mine.values("pk"))

    def _is_mine(self, request: HttpRequest, obj: Any) -> bool:
        if not is_staff(request):
            return False
        return obj is None or administered_domains(request).filter(pk=obj.domain_id).exists()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_mine(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Moving between domains would change who answers for it."""
        del request
        return ["domain"] if obj else []


@admin.register(GlossaryTerm)
class GlossaryTermAdmin(DomainOwnedAdmin):
    list_display = ["name", "domain", "parent"]
    list_select_related = ["domain", "parent"]
    search_fields = ["name", "definition"]
    fields = ["domain", "name", "definition", "synonyms", "parent"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer as parents only the words of the domains that the person stewards."""
        if db_field.name == "parent":
            mine = administered_domains(request).values("pk")
            kwargs["queryset"] = GlossaryTerm.objects.filter(domain__in=mine)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        told = {key: getattr(obj, key) for key in ("name", "definition", "synonyms", "parent")}
        actor = current_user(request).username
        if change:
            row = GlossaryTerm.objects.select_for_update(of=("self",)).get(pk=obj.pk)
            changes = {key: told[key] for key in told if key in form.changed_data}
            glossary.change_term(row, changes=changes, actor=actor)
            return
        made = glossary.create_term(domain=obj.domain, actor=actor, **told)
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        glossary.delete_term(obj, actor=current_user(request).username)


class ProductOwnerInline(AddAndRemoveInline):
    model = DataProductOwner
    formset = SubjectFormSet
    autocomplete_fields = ["user", "group"]


class PortInline(AddAndRemoveInline):
    """Offers the datasets that the person manages; through the API a steward adds any that they may discover."""

    model = DataProductPort
    fields = ["dataset", "direction"]
    autocomplete_fields = ["dataset"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Another steward's port may be a dataset that this one may not know of."""
        shown = visible_datasets(request).order_by().values("pk")
        rows: QuerySet[Any] = super().get_queryset(request).filter(dataset__in=shown)
        return rows


@admin.register(DataProduct)
class DataProductAdmin(DomainOwnedAdmin):
    list_display = ["name", "domain", "status"]
    list_filter = ["status"]
    search_fields = ["name", "description"]
    fields = ["domain", "name", "status", "description"]
    inlines = [ProductOwnerInline, PortInline]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        told = {key: getattr(obj, key) for key in ("name", "description", "status")}
        actor = current_user(request).username
        if change:
            row = DataProduct.objects.select_for_update(of=("self",)).get(pk=obj.pk)
            changes = {key: told[key] for key in told if key in form.changed_data}
            products.change_product(row, changes=changes, actor=actor)
            return
        made = products.create_product(domain=obj.domain, actor=actor, **told)
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        products.delete_product(obj, actor=current_user(request).username)

    def save_formset(
        self, request: HttpRequest, form: ModelForm[Any], formset: Any, change: Any
    ) -> None:
        del form, change
        save_rows(request, formset)


@admin.register(PropertyDefinition)
class PropertyDefinitionAdmin(SuperuserAdmin):
    """Only those who administer the whole house declare properties."""

    list_display = ["name", "applies_to", "description"]
    list_filter = ["applies_to"]
    search_fields = ["name"]
    fields = ["name", "applies_to", "schema", "description"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return ["name", "applies_to"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del form
        told = {"schema": obj.schema, "description": obj.description}
        actor = current_user(request).username
        if change:
            row = PropertyDefinition.objects.select_for_update().get(pk=obj.pk)
            change_property(row, actor=actor, **told)
            return
        made = define_property(name=obj.name, applies_to=obj.applies_to, actor=actor, **told)
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_property(obj, actor=current_user(request).username)


@admin.register(DataContract)
class DataContractAdmin(ReadOnlyMixin, KernelAdmin):
    """Every version that was put; a new one comes through the API."""

    list_display = ["dataset", "number", "actor", "created_at"]
    list_select_related = ["dataset"]
    search_fields = ["dataset__name"]
    ordering = ["-created_at"]
    exclude = ["document"]


@admin.register(CatalogImport)
class CatalogImportAdmin(ReadOnlyMixin, SuperuserAdmin):
    list_display = ["uuid", "user", "state", "acknowledged_line", "refused", "updated_at"]
    list_filter = ["state"]
    list_select_related = ["user"]
