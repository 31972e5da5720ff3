"""Asking for access, and what became of it."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import Dataset
from core.errors import LakewardenError
from governance.explanations import changes_to_allow
from governance.models import AccessRequest
from governance.policy.types import Action
from governance.services.requests import (
    Invitation,
    answer_offer,
    extend_request,
    open_invitation,
    request_access,
    withdraw_request,
)
from web.access import current_user, decide, find_dataset, viewer_of, visible_datasets
from web.forms.access_request import DURATIONS, AccessRequestForm, ExtensionForm
from web.templatetags.lakewarden import sentence

SHOWN = 100


def mark_visible(request: HttpRequest, asked: list[AccessRequest]) -> list[AccessRequest]:
    """Set `dataset.shown`: whoever may no longer know of a dataset does not read its name in an old request."""
    ids = visible_datasets(request).filter(pk__in=[each.dataset_id for each in asked])
    shown = set(ids.values_list("pk", flat=True))
    for each in asked:
        each.dataset.shown = each.dataset_id in shown  # type: ignore[attr-defined]
    return asked


@login_required
@require_safe
def request_list(request: HttpRequest) -> HttpResponse:
    """The viewer's own requests, newest first."""
    asked = AccessRequest.objects.filter(requester=current_user(request))
    rows = list(
        asked.select_related("dataset", "decided_by").prefetch_related("offers__by")[:SHOWN]
    )
    context = {"requests": mark_visible(request, rows), "durations": DURATIONS}
    return render(request, "web/requests.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The request form of a dataset that the viewer may discover."""
    return _ask(request, find_dataset(request, uuid, Action.DISCOVER))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def request_invited(request: HttpRequest, invitation: str) -> HttpResponse:
    """The request form of a dataset that somebody sent a link for: its name, and nothing else."""
    found = open_invitation(invitation, by=viewer_of(request).principal)
    return _ask(request, found.dataset, found)


def _ask(
    request: HttpRequest, dataset: Dataset, invitation: Invitation | None = None
) -> HttpResponse:
    form = _form(request, dataset)
    if request.method == "POST" and form.is_valid():
        try:
            request_access(
                dataset,
                by=viewer_of(request).principal,
                purpose=form.cleaned_data["purpose"],
                columns=form.wanted_columns(),
                row_filter=form.wanted_rows(),
                duration=form.duration,
                invitation=invitation,
            )
        except LakewardenError as error:
            form.add_error(None, sentence(error.message))
        else:
            messages.success(request, "Your request is sent. You will find its state here.")
            return redirect("web:requests")
    context: dict[str, Any] = {"dataset": dataset, "form": form, "invited": True}
    if invitation is None:
        context |= {"invited": False, **_why_not(request, dataset)}
    return render(request, "web/request_new.html", context)


def _why_not(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    """Why the viewer, who may discover the dataset, may not read it today, and what would have to change."""
    viewer = viewer_of(request)
    decision = decide(request, Action.READ, dataset)
    changes = changes_to_allow(viewer.principal, Action.READ, dataset, facts=viewer.facts)
    return {"decision": decision, "changes": changes}


def _form(request: HttpRequest, dataset: Dataset) -> AccessRequestForm:
    """Columns are offered to those who may view the schema; others ask for the whole."""
    names: Iterable[str] = ()
    if visible_datasets(request, Action.VIEW_METADATA).filter(pk=dataset.pk).exists():
        names = dataset.fields.present().values_list("name", flat=True)
    data: Any = request.POST if request.method == "POST" else None
    return AccessRequestForm(data, column_names=[name for name in names if "." not in name])


@login_required
@require_POST
def request_withdraw(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take back one of the viewer's own open requests."""
    asked = _own(request, uuid)
    by = viewer_of(request).principal
    return _tell(request, lambda: withdraw_request(asked, by=by), "The request is withdrawn.")


@login_required
@require_POST
def request_answer(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Accept or decline what was offered instead."""
    asked, accept = _own(request, uuid), request.POST.get("answer") == "accept"
    by = viewer_of(request).principal
    said = "The offer is accepted." if accept else "The offer is declined."
    return _tell(request, lambda: answer_offer(asked, by=by, accept=accept), said)


@login_required
@require_POST
def request_extend(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask for more time, before the grant ends."""
    asked, form = _own(request, uuid), ExtensionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose for how long.")
        return redirect("web:requests")
    by, duration = viewer_of(request).principal, timedelta(hours=int(form.cleaned_data["hours"]))
    return _tell(
        request,
        lambda: extend_request(asked, by=by, duration=duration),
        "Your request for more time is sent.",
    )


def _own(request: HttpRequest, uuid: UUID) -> AccessRequest:
    return get_object_or_404(AccessRequest, uuid=uuid, requester=current_user(request))


def _tell(request: HttpRequest, step: Callable[[], AccessRequest], done: str) -> HttpResponse:
    """Make the step, and say that it is done or why it is not."""
    try:
        step()
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, done)
    return redirect("web:requests")
