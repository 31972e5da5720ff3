"""Models that the viewer may know of, their versions and what they learned from."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.models.dataset import DatasetKind
from core.errors import NotFoundError
from governance.policy.types import Action
from serving.models import ModelVersion
from web.access import decide, find_dataset, visible_datasets

SHOWN = 100


@login_required
@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """The models by name, each with its number of versions."""
    models = (
        visible_datasets(request, Action.VIEW_METADATA)
        .filter(kind=DatasetKind.MODEL)
        .select_related("domain")
        .annotate(count=Count("model_versions"), newest=Max("model_versions__created_at"))
        .order_by("name")[:SHOWN]
    )
    return render(request, "web/models.html", {"models": models})


@login_required
@require_safe
def model_page(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The versions of one model, and whether the viewer may ask it."""
    model = find_dataset(request, uuid)
    if model.kind != DatasetKind.MODEL:
        raise NotFoundError("not found")
    versions = list(
        ModelVersion.objects.filter(dataset=model)
        .select_related("created_by")
        .prefetch_related("training_datasets")
        .order_by("-number")[:SHOWN]
    )
    context = {
        "model": model,
        "rows": _with_visible_training(request, versions),
        "decision": decide(request, Action.READ, model),
    }
    return render(request, "web/model.html", context)


def _with_visible_training(
    request: HttpRequest, versions: list[ModelVersion]
) -> list[dict[str, Any]]:
    """Each version with those of its training datasets that the viewer may know of."""
    ids = {each.pk for version in versions for each in version.training_datasets.all()}
    shown = set(visible_datasets(request).filter(pk__in=ids).values_list("pk", flat=True))
    return [
        {
            "version": version,
            "training": [each for each in version.training_datasets.all() if each.pk in shown],
        }
        for version in versions
    ]
