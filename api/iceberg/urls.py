"""Paths of the Iceberg REST catalog, below `/iceberg/v1/`."""

from django.urls import path, re_path

from api.iceberg import catalog, namespaces, tables
from api.iceberg.requests import endpoint
from identity.models.token import Scope

urlpatterns = [
    path("config", endpoint(GET=catalog.get_config)),
    path(
        "namespaces",
        endpoint(GET=namespaces.list_namespaces, POST=namespaces.create_namespace),
    ),
    path(
        "namespaces/<str:namespace>",
        endpoint(
            GET=namespaces.load_namespace,
            HEAD=namespaces.namespace_exists,
            DELETE=namespaces.drop_namespace,
        ),
    ),
    path("namespaces/<str:namespace>/properties", endpoint(POST=namespaces.update_properties)),
    path(
        "namespaces/<str:namespace>/tables",
        endpoint(GET=tables.list_tables, POST=tables.create_table),
    ),
    path("namespaces/<str:namespace>/register", endpoint(POST=tables.register_table)),
    path(
        "namespaces/<str:namespace>/tables/<str:table>",
        endpoint(
            GET=tables.load_table,
            HEAD=tables.table_exists,
            POST=tables.commit_table,
            DELETE=tables.drop_table,
        ),
    ),
    path(
        "namespaces/<str:namespace>/tables/<str:table>/metrics",
        # A report of a read comes from a reader.
        endpoint(scopes=(Scope.READ,), POST=tables.report_metrics),
    ),
    path("tables/rename", endpoint(POST=tables.rename_table)),
    path("transactions/commit", endpoint(POST=tables.commit_transaction)),
    path(
        "namespaces/<str:namespace>/views",
        endpoint(GET=catalog.list_views, POST=catalog.refuse_views),
    ),
    path(
        "namespaces/<str:namespace>/views/<str:view>",
        endpoint(
            GET=catalog.load_view,
            HEAD=catalog.load_view,
            POST=catalog.refuse_views,
            DELETE=catalog.load_view,
        ),
    ),
    re_path(
        r"^(?P<path>.*)$",
        endpoint(
            GET=catalog.not_offered,
            HEAD=catalog.not_offered,
            POST=catalog.not_offered,
            PUT=catalog.not_offered,
            DELETE=catalog.not_offered,
        ),
    ),
]
