"""Routes of storage: tiers, policies, movements, and the files and objects of a dataset."""

from django.urls import path

from api.v1 import storage

urlpatterns = [
    path("storage/tiers", storage.TierList.as_view(), name="tiers"),
    path("storage/locations", storage.LocationList.as_view(), name="locations"),
    path("storage/movements", storage.MovementList.as_view(), name="movements"),
    path("storage/tier-policies", storage.TierPolicyList.as_view(), name="tier-policies"),
    path(
        "storage/tier-policies/<uuid:uuid>",
        storage.TierPolicyDetail.as_view(),
        name="tier-policy",
    ),
    path("storage/tiering-runs", storage.TieringRunList.as_view(), name="tiering-runs"),
    path(
        "storage/tiering-runs/<uuid:uuid>", storage.TieringRunDetail.as_view(), name="tiering-run"
    ),
    path("catalog/datasets/<uuid:uuid>/files", storage.FileList.as_view(), name="dataset-files"),
    path(
        "catalog/datasets/<uuid:uuid>/objects", storage.ObjectList.as_view(), name="dataset-objects"
    ),
    path(
        "catalog/datasets/<uuid:uuid>/objects/<path:key>/content",
        storage.ObjectBytes.as_view(),
        name="dataset-object-content",
    ),
]
