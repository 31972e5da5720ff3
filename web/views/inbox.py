"""The approver's inbox: what waits, what it would open, and the decision."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import LakewardenError
from governance.models import AccessRequest, RequestState
from governance.policy.types import Action
from governance.services.requests import approve_request, deny_request
from web.access import current_user, viewer_of, visible_datasets
from web.forms.access_request import DecisionForm
from web.opening import Opening, describe_opening
from web.templatetags.lakewarden import sentence

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request with what its approval would open."""

    asked: AccessRequest
    opening: Opening


def pending_for(request: HttpRequest) -> QuerySet[AccessRequest]:
    """The requests that the viewer may decide: nobody decides their own."""
    approvable = visible_datasets(request, Action.APPROVE)
    pending = AccessRequest.objects.filter(
        state=RequestState.PENDING, dataset__in=approvable.values("pk")
    )
    return pending.exclude(requester=current_user(request))


@login_required
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Oldest first: who waits longest is served first."""
    rows = pending_for(request).select_related("dataset__domain", "requester")
    waiting = [
        Waiting(asked, describe_opening(asked)) for asked in rows.order_by("created_at")[:SHOWN]
    ]
    return render(request, "web/inbox.html", {"waiting": waiting})


@login_required
@require_POST
def decide(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Approve or deny; a request that the viewer may not decide is not found."""
    asked = pending_for(request).filter(uuid=uuid).first()
    form = DecisionForm(request.POST)
    if asked is None:
        raise Http404
    if not form.is_valid():
        messages.error(request, "Choose to approve or to deny.")
        return redirect("web:inbox")
    service = approve_request if form.cleaned_data["verdict"] == "approve" else deny_request
    try:
        service(asked, by=viewer_of(request).principal, comment=form.cleaned_data["comment"])
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        done = "approved" if service is approve_request else "denied"
        messages.success(request, f"The request of {asked.requester} is {done}.")
    return redirect("web:inbox")
