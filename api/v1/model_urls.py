"""Routes of models and their training."""

from django.urls import path

from api.v1.models import ModelAlias, ModelList, TrainingRunDetail, TrainingRunList

urlpatterns = [
    path("models", ModelList.as_view(), name="models"),
    path("models/training-runs", TrainingRunList.as_view(), name="training-runs"),
    path("models/training-runs/<uuid:uuid>", TrainingRunDetail.as_view(), name="training-run"),
    path(
        "models/<str:name>/versions/<int:version>/alias", ModelAlias.as_view(), name="model-alias"
    ),
]
