"""Routes of our own API; each part of the product has its own list."""

from django.urls import path

from api.v1.datasets import (
    DatasetListView,
    DatasetView,
    OwnerView,
)
from api.v1.domains import DomainListView, DomainView
from api.v1.fields import FieldListView, FieldView
from api.v1.jobs import JobListView, JobRunListView, JobView, RunView
from api.v1.openapi import DocsView, SchemaView
from api.v1.rows import DatasetRowsView
from api.v1.search import SearchView, SuggestionView
from api.v1.tags import DatasetTagView, FieldTagView, TagListView, TagView
from api.v1.versions import VersionListView, VersionView

DATASET = "catalog/datasets/<uuid:uuid>"

urlpatterns = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsView.as_view(), name="docs"),
    path("search", SearchView.as_view(), name="search"),
    path("search/suggestions", SuggestionView.as_view(), name="search-suggestions"),
    path("catalog/datasets", DatasetListView.as_view(), name="datasets"),
    path(DATASET, DatasetView.as_view(), name="dataset"),
    path(f"{DATASET}/fields", FieldListView.as_view(), name="dataset-fields"),
    path(f"{DATASET}/fields/<uuid:field>", FieldView.as_view(), name="dataset-field"),
    path(f"{DATASET}/fields/<uuid:field>/tags/<str:tag>", FieldTagView.as_view(), name="field-tag"),
    path(f"{DATASET}/rows", DatasetRowsView.as_view(), name="dataset-rows"),
    path(f"{DATASET}/versions", VersionListView.as_view(), name="dataset-versions"),
    path(f"{DATASET}/versions/<int:number>", VersionView.as_view(), name="dataset-version"),
    path(f"{DATASET}/tags/<str:tag>", DatasetTagView.as_view(), name="dataset-tag"),
    path(f"{DATASET}/owners/users/<str:name>", OwnerView.as_view(), {"kind": "users"}),
    path(f"{DATASET}/owners/groups/<str:name>", OwnerView.as_view(), {"kind": "groups"}),
    path("catalog/domains", DomainListView.as_view(), name="domains"),
    path("catalog/domains/<slug:slug>", DomainView.as_view(), name="domain"),
    path("catalog/tags/<str:tag>", TagView.as_view(), name="tag"),
    path("catalog/tags", TagListView.as_view(), name="tags"),
    path("catalog/jobs", JobListView.as_view(), name="jobs"),
    path("catalog/jobs/<uuid:uuid>", JobView.as_view(), name="job"),
    path("catalog/jobs/<uuid:uuid>/runs", JobRunListView.as_view(), name="job-runs"),
    path("catalog/runs/<uuid:uuid>", RunView.as_view(), name="run"),
]
