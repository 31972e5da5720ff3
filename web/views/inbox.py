"""The approver's inbox: what waits, what it would open, and the decision."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import LakewardenError
from governance.campaigns import items_to_certify
from governance.glass import reviews_to_close
from governance.models import AccessRequest
from governance.opening import Opening, describe_opening
from governance.policy.types import Principal
from governance.precedents import find_precedents
from governance.queries import requests_to_decide
from governance.services.requests import (
    approve_request,
    cancel_request,
    deny_request,
    offer_less,
)
from query.counting import count_rows
from web.access import current_user, viewer_of
from web.forms.access_request import DURATIONS, DecisionForm
from web.templatetags.lakewarden import sentence
from web.views.reviews import findings_for, unsettled_for

SHOWN = 50
DONE = {
    "approve": "approved by you",
    "deny": "denied",
    "offer": "answered with an offer",
    "cancel": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request with what its approval would open."""

    asked: AccessRequest
    opening: Opening


def pending_for(request: HttpRequest) -> QuerySet[AccessRequest]:
    """The requests in which a stage waits for the viewer."""
    viewer = viewer_of(request)
    return requests_to_decide(viewer.principal, facts=viewer.facts)


@login_required
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Requests, findings, and how much waits on pages of its own. Oldest first: who waits longest is served first."""
    principal = viewer_of(request).principal
    waiting = [
        Waiting(asked, describe_opening(asked, viewer=principal))
        for asked in pending_for(request)[:SHOWN]
    ]
    context = {
        "waiting": waiting,
        "findings": findings_for(request),
        "finding_count": unsettled_for(request).count(),
        "breaking_count": reviews_to_close(principal).count(),
        "grant_count": items_to_certify(principal).count(),
    }
    return render(request, "web/inbox.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One request with all that bears on it, and its decision; one that does not wait for the viewer is not found."""
    asked = pending_for(request).filter(uuid=uuid).first()
    if asked is None:
        raise Http404
    opening = describe_opening(asked, viewer=viewer_of(request).principal)
    if request.method == "POST":
        return _carry_out(request, asked, opening)
    context = {
        "asked": asked,
        "opening": opening,
        "precedents": find_precedents(asked, viewer=viewer_of(request).principal),
        "count": _count(request, asked),
        "durations": DURATIONS,
    }
    return render(request, "web/decide.html", context)


def _carry_out(request: HttpRequest, asked: AccessRequest, opening: Opening) -> HttpResponse:
    form = DecisionForm(request.POST, column_names=[each.name for each in opening.columns])
    if not form.is_valid():
        messages.error(request, "Choose to approve, to deny, to offer less or to cancel.")
        return redirect("web:inbox")
    verdict = form.cleaned_data["verdict"]
    try:
        _say(verdict, form, asked, viewer_of(request).principal)
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, f"The request of {asked.requester} is {DONE[verdict]}.")
    return redirect("web:inbox")


def _say(verdict: str, form: DecisionForm, asked: AccessRequest, by: Principal) -> None:
    comment = form.cleaned_data["comment"]
    steps: dict[str, Callable[[], AccessRequest]] = {
        "approve": lambda: approve_request(asked, by=by, comment=comment),
        "deny": lambda: deny_request(asked, by=by, comment=comment),
        "offer": lambda: offer_less(asked, by=by, comment=comment, **form.offered()),
        "cancel": lambda: cancel_request(asked, by=by, comment=comment),
    }
    steps[verdict]()


def _count(request: HttpRequest, asked: AccessRequest) -> int | None:
    """The rows that were asked for, counted when the viewer wants it and reads them all themselves."""
    if request.GET.get("count") != "1":
        return None
    try:
        return count_rows(
            user=current_user(request), dataset=asked.dataset, where=asked.terms().row_filter
        )
    except LakewardenError:
        return None
