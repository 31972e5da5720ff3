"""One dataset, as this viewer may see it."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.glass import may_break_glass
from governance.history.asking import is_auditing
from governance.models import AccessRequest, RequestState
from governance.policy.types import Action
from web import dataset_view
from web.access import current_user, decide, find_dataset, may, viewer_of, visible_runs
from web.sample import read_sample


@login_required
@require_safe
def dataset_page(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Metadata for those who may view it; rows by the read decision, with its masks and reasons shown."""
    dataset = find_dataset(request, uuid, Action.DISCOVER)
    pending = AccessRequest.objects.filter(
        dataset=dataset, requester=current_user(request), state=RequestState.PENDING
    ).first()
    if not may(request, Action.VIEW_METADATA, dataset):
        breaks = may_break_glass(current_user(request))
        brief = {"dataset": dataset, "pending": pending, "breaks": breaks}
        return render(request, "web/dataset_brief.html", brief)
    viewer = viewer_of(request)
    fields = dataset_view.field_rows(dataset, viewer.principal, viewer.facts)
    decision = decide(request, Action.READ, dataset)
    manages = may(request, Action.MANAGE, dataset)
    sees_all = dataset_view.sees_every_cell(decision, columns=len(fields))
    context = {
        "dataset": dataset,
        "version": dataset.current_version,
        "versions": dataset.versions.all()[: dataset_view.VERSIONS_SHOWN],
        "owners": dataset.owners.select_related("user", "group"),
        "tags": dataset.dataset_tags.select_related("tag").order_by("tag__name"),
        "fields": fields,
        "tiers": dataset_view.tier_rows(dataset),
        "moving": dataset_view.moving_now(dataset),
        "parts": dataset_view.stored_parts(dataset) if manages or sees_all else None,
        "runs": dataset_view.latest_runs(dataset, visible=visible_runs(request)),
        "decision": decision,
        "sample": read_sample(current_user(request), dataset, decision),
        "suggestions": dataset_view.suggestions(dataset) if manages else None,
        "manages": manages and current_user(request).is_staff,
        "asks_history": manages or is_auditing(viewer.principal),
        "pending": pending,
        "breaks": not sees_all and may_break_glass(current_user(request)),
    }
    return render(request, "web/dataset.html", context)
