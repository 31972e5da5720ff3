"""Every JSON endpoint: our own API, one package a protocol, and what operators ask."""

from django.urls import include, path

from api import health

urlpatterns = [
    path("healthz", health.live, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("api.openlineage.urls")),
    path("api/v1/", include("api.v1.urls")),
    path("api/v1/", include("api.v1.catalog_urls")),
    path("api/v1/", include("api.v1.governance_urls")),
    path("api/v1/", include("api.v1.ingestion_urls")),
    path("api/v1/", include("api.v1.model_urls")),
    path("api/v1/", include("api.v1.pipeline_urls")),
    path("api/v1/", include("api.v1.storage_urls")),
    path("api/v1/", include("api.marquez.urls")),
    path("iceberg/v1/", include("api.iceberg.urls")),
    path("opa/v1/data/trino/", include("api.opa.urls")),
    path("scim/v2/", include("api.scim.urls")),
    path("", include("api.inference.urls")),
]
