"""The lineage picture of a dataset, with the same in a table."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.policy.types import Action
from web import lineage_view
from web.access import find_dataset, visible_datasets

DEPTHS = (1, 2, 3, 5, 8)


@login_required
@require_safe
def lineage_page(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Up and down from one dataset, among what the viewer may see."""
    dataset = find_dataset(request, uuid)
    asked = request.GET.get("depth", "")
    depth = int(asked) if asked in {str(each) for each in DEPTHS} else DEPTHS[0]
    found = lineage_view.find_neighbourhood(dataset, visible=visible_datasets(request), depth=depth)
    described = visible_datasets(request, Action.VIEW_METADATA)
    context = {
        "dataset": dataset,
        "depth": depth,
        "depths": DEPTHS,
        "drawing": lineage_view.draw(found, here=dataset),
        "rows": lineage_view.table_rows(found),
        "is_cut": found.is_cut,
        "field_edges": lineage_view.field_edges(dataset, visible=described),
    }
    return render(request, "web/lineage.html", context)
