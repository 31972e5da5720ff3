"""The paths of the protocol, from `/v2` on."""

from django.urls import path

from api.inference import views

MODEL = "v2/models/<str:name>"
VERSION = f"{MODEL}/versions/<str:version>"

urlpatterns = [
    path("v2", views.server_metadata, name="inference-server"),
    path("v2/health/live", views.server_live, name="inference-live"),
    path("v2/health/ready", views.server_ready, name="inference-ready"),
    path(MODEL, views.model_metadata, name="inference-model"),
    path(VERSION, views.model_metadata, name="inference-version"),
    path(f"{MODEL}/ready", views.model_ready, name="inference-model-ready"),
    path(f"{VERSION}/ready", views.model_ready, name="inference-version-ready"),
    path(f"{MODEL}/infer", views.infer, name="inference-infer"),
    path(f"{VERSION}/infer", views.infer, name="inference-version-infer"),
]
