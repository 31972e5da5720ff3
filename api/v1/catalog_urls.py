"""Routes of the catalog's vocabulary, contracts, DCAT and streams."""

from django.urls import path

from api.v1.bulk import (
    ExportView,
    ImportDetailView,
    ImportListView,
    ImportProblemListView,
    ImportView,
)
from api.v1.contracts import (
    ContractDriftView,
    ContractVersionListView,
    ContractVersionView,
    ContractView,
)
from api.v1.dcat import DcatView
from api.v1.glossary import DatasetTermView, FieldTermView, TermListView, TermView
from api.v1.products import ProductListView, ProductOwnerView, ProductPortView, ProductView
from api.v1.properties import PropertyListView, PropertyView

DATASET = "catalog/datasets/<uuid:uuid>"
PRODUCT = "catalog/products/<uuid:uuid>"
PORT = "<uuid:dataset>"

urlpatterns = [
    path("catalog/dcat", DcatView.as_view(), name="catalog-dcat"),
    path(f"{DATASET}/contract", ContractView.as_view(), name="contract"),
    path(f"{DATASET}/contract/drift", ContractDriftView.as_view(), name="contract-drift"),
    path(f"{DATASET}/contract/versions", ContractVersionListView.as_view()),
    path(f"{DATASET}/contract/versions/<int:number>", ContractVersionView.as_view()),
    path("catalog/terms", TermListView.as_view(), name="terms"),
    path("catalog/terms/<uuid:uuid>", TermView.as_view(), name="term"),
    path(f"{DATASET}/terms/<uuid:term>", DatasetTermView.as_view(), name="dataset-term"),
    path(
        f"{DATASET}/fields/<uuid:field>/terms/<uuid:term>",
        FieldTermView.as_view(),
        name="field-term",
    ),
    path("catalog/products", ProductListView.as_view(), name="products"),
    path(PRODUCT, ProductView.as_view(), name="product"),
    path(f"{PRODUCT}/owners/users/<str:name>", ProductOwnerView.as_view(), {"kind": "users"}),
    path(f"{PRODUCT}/owners/groups/<str:name>", ProductOwnerView.as_view(), {"kind": "groups"}),
    path(f"{PRODUCT}/inputs/{PORT}", ProductPortView.as_view(), {"direction": "inputs"}),
    path(f"{PRODUCT}/outputs/{PORT}", ProductPortView.as_view(), {"direction": "outputs"}),
    path("catalog/properties", PropertyListView.as_view(), name="properties"),
    path(
        "catalog/properties/<str:applies_to>/<str:name>",
        PropertyView.as_view(),
        name="property",
    ),
    path("catalog/export", ExportView.as_view(), name="catalog-export"),
    path("catalog/import", ImportView.as_view(), name="catalog-import"),
    path("catalog/imports", ImportListView.as_view(), name="catalog-imports"),
    path("catalog/imports/<uuid:uuid>", ImportDetailView.as_view(), name="catalog-import-detail"),
    path(
        "catalog/imports/<uuid:uuid>/problems",
        ImportProblemListView.as_view(),
        name="catalog-import-problems",
    ),
]
