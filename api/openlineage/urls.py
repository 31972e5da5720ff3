"""Routes of the OpenLineage receiver and of the lineage reads."""

from django.urls import path

from api.openlineage import views

urlpatterns = [
    path("api/v1/lineage", views.lineage, name="lineage"),
    path("api/v1/lineage/batch", views.lineage_batch, name="lineage-batch"),
    path("api/v1/column-lineage", views.column_lineage, name="column-lineage"),
    path("api/v1/catalog/lineage/impact", views.impact, name="lineage-impact"),
    path("api/v1/catalog/lineage/path", views.path_between, name="lineage-path"),
]
