"""Findings on what the viewer administers: a section of the inbox, where they are settled."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from core.errors import LakewardenError
from governance.models import ReviewItem, ReviewState
from governance.reviews import tell_evidence, visible_reviews
from governance.services.reviews import acknowledge_review, resolve_review
from web.access import viewer_of
from web.forms.review import SettleForm
from web.templatetags.lakewarden import sentence

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """An unsettled finding with what it tells the viewer."""

    item: ReviewItem
    evidence: dict[str, Any]


def unsettled_for(request: HttpRequest) -> QuerySet[ReviewItem]:
    """The findings that nobody has settled, on what the viewer administers; oldest first."""
    viewer = viewer_of(request)
    rows = visible_reviews(viewer.principal, facts=viewer.facts)
    return rows.exclude(state=ReviewState.RESOLVED).order_by("raised_at", "pk")


def findings_for(request: HttpRequest) -> list[Finding]:
    """The oldest of them."""
    viewer = viewer_of(request)
    return [
        Finding(item, tell_evidence(viewer.principal, item, facts=viewer.facts))
        for item in unsettled_for(request)[:SHOWN]
    ]


@login_required
@require_POST
def settle_review(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Say that one looks into it, or settle it; one that the viewer does not administer is not found."""
    item = unsettled_for(request).filter(uuid=uuid).first()
    if item is None:
        raise Http404
    form = SettleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose to look into it, or to settle it.")
        return redirect("web:inbox")
    step = resolve_review if form.cleaned_data["verdict"] == "resolve" else acknowledge_review
    try:
        step(item, by=viewer_of(request).principal, comment=form.cleaned_data["comment"])
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, "It is noted.")
    return redirect("web:inbox")
