"""Routes of ingestion."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from api.v1.sources import SourceViewSet, UploadView

router = SimpleRouter(trailing_slash=False)
router.register("ingestion/sources", SourceViewSet, basename="source")

urlpatterns = [
    path(
        "ingestion/uploads/<slug:name>/<path:filename>", UploadView.as_view(), name="source-upload"
    ),
    path("", include(router.urls)),
]
