"""Routes of the Marquez API below `/api/v1/`. The more a path says, the earlier it stands: names hold slashes."""

from django.urls import path, register_converter

from api.marquez.datasets import (
    DatasetListView,
    DatasetTagView,
    DatasetVersionListView,
    DatasetVersionView,
    DatasetView,
    FieldTagView,
)
from api.marquez.events import AnyEventListView, EventListView, NamespaceEventListView
from api.marquez.jobs import (
    AllJobListView,
    JobListView,
    JobVersionListView,
    JobVersionView,
    JobView,
)
from api.marquez.namespaces import NamespaceListView, NamespaceView
from api.marquez.paths import NameConverter
from api.marquez.run_lineage import UpstreamRunsView
from api.marquez.runs import (
    JobRunListView,
    RunAbortView,
    RunCompleteView,
    RunFacetsView,
    RunFailView,
    RunStartView,
    RunView,
)
from api.marquez.sources import SourceListView, SourceView
from api.marquez.stats import AssetStatsView, EventStatsView
from api.marquez.tags import TagListView, TagView

register_converter(NameConverter, "marquez")

NAMESPACE = "namespaces/<marquez:namespace>"
DATASET = f"{NAMESPACE}/datasets/<marquez:dataset>"
JOB = f"{NAMESPACE}/jobs/<marquez:job>"
RUN = "jobs/runs/<uuid:run>"

urlpatterns = [
    path("namespaces", NamespaceListView.as_view()),
    path(f"{DATASET}/fields/<marquez:field>/tags/<str:tag>", FieldTagView.as_view()),
    path(f"{DATASET}/tags/<str:tag>", DatasetTagView.as_view()),
    path(f"{DATASET}/versions/<uuid:version>", DatasetVersionView.as_view()),
    path(f"{DATASET}/versions", DatasetVersionListView.as_view()),
    path(DATASET, DatasetView.as_view()),
    path(f"{NAMESPACE}/datasets", DatasetListView.as_view()),
    path(f"{JOB}/versions/<uuid:version>", JobVersionView.as_view()),
    path(f"{JOB}/versions", JobVersionListView.as_view()),
    path(f"{JOB}/runs", JobRunListView.as_view()),
    path(JOB, JobView.as_view()),
    path(f"{NAMESPACE}/jobs", JobListView.as_view()),
    path(NAMESPACE, NamespaceView.as_view()),
    path("sources", SourceListView.as_view()),
    path("sources/<marquez:source>", SourceView.as_view()),
    path("jobs", AllJobListView.as_view()),
    path(f"{RUN}/start", RunStartView.as_view()),
    path(f"{RUN}/complete", RunCompleteView.as_view()),
    path(f"{RUN}/fail", RunFailView.as_view()),
    path(f"{RUN}/abort", RunAbortView.as_view()),
    path(f"{RUN}/facets", RunFacetsView.as_view()),
    path(RUN, RunView.as_view()),
    path("runlineage/upstream", UpstreamRunsView.as_view()),
    path("events", AnyEventListView.as_view()),
    path("events/lineage", EventListView.as_view()),
    path("events/<marquez:namespace>", NamespaceEventListView.as_view()),
    path("tags", TagListView.as_view()),
    path("tags/<str:tag>", TagView.as_view()),
    path("stats/lineage-events", EventStatsView.as_view()),
    path("stats/datasets", AssetStatsView.as_view(asset="datasets")),
    path("stats/jobs", AssetStatsView.as_view(asset="jobs")),
    path("stats/sources", AssetStatsView.as_view(asset="sources")),
]
