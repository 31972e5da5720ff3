"""Paths of the OPA protocol, below `/opa/v1/data/trino/`, shaped like OPA's own data API."""

from django.urls import path

from api.opa import views

urlpatterns = [
    path("allow", views.AllowView.as_view(), name="opa-allow"),
    path("batch", views.BatchView.as_view(), name="opa-batch"),
    path("rowFilters", views.RowFiltersView.as_view(), name="opa-row-filters"),
    path("columnMask", views.ColumnMaskView.as_view(), name="opa-column-mask"),
    path("batchColumnMasks", views.BatchColumnMasksView.as_view(), name="opa-column-masks"),
]
