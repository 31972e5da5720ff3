"""Routes of pipelines and their runs."""

from django.urls import path

from api.v1.pipelines import (
    PipelineDetail,
    PipelineList,
    PipelineRunList,
    RunCancellation,
    RunDetail,
)

urlpatterns = [
    path("processing/pipelines", PipelineList.as_view(), name="pipelines"),
    path("processing/pipelines/<uuid:uuid>", PipelineDetail.as_view(), name="pipeline"),
    path("processing/pipelines/<uuid:uuid>/runs", PipelineRunList.as_view(), name="pipeline-runs"),
    path("processing/runs/<uuid:uuid>", RunDetail.as_view(), name="pipeline-run"),
    path("processing/runs/<uuid:uuid>/cancel", RunCancellation.as_view(), name="pipeline-cancel"),
]
