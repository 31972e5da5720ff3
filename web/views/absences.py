"""Who decides for the viewer while they are away."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import InvalidInputError, LakewardenError
from governance.models import Delegation
from governance.queries import get_visible_domain
from governance.services.delegations import delegate_decisions, end_delegation
from identity.models import User
from web.access import current_user, viewer_of
from web.forms.access_request import AbsenceForm
from web.templatetags.lakewarden import sentence

SHOWN = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def absence_list(request: HttpRequest) -> HttpResponse:
    """The viewer's absences, newest first, and a form for the next."""
    form = AbsenceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            _save(request, form)
        except LakewardenError as error:
            form.add_error(None, sentence(error.message))
        else:
            messages.success(request, "It is noted.")
            return redirect("web:absences")
    rows = current_user(request).delegations.select_related("delegate", "domain")[:SHOWN]
    return render(request, "web/absences.html", {"absences": rows, "form": form})


@login_required
@require_POST
def absence_end(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """End one of the viewer's own."""
    row = get_object_or_404(Delegation, uuid=uuid, person=current_user(request))
    try:
        end_delegation(row, by=viewer_of(request).principal)
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, "It has ended.")
    return redirect("web:absences")


def _save(request: HttpRequest, form: AbsenceForm) -> None:
    given, principal = form.cleaned_data, viewer_of(request).principal
    delegate = None
    if given["delegate"]:
        delegate = User.objects.filter(username=given["delegate"], is_active=True).first()
        if delegate is None:
            raise InvalidInputError("there is no such user")
    midnight = time(tzinfo=UTC)
    delegate_decisions(
        by=principal,
        person=current_user(request),
        delegate=delegate,
        starts_at=datetime.combine(given["starts_at"], midnight),
        ends_at=datetime.combine(given["ends_at"], midnight) + timedelta(days=1),
        target=get_visible_domain(principal, given["domain"]) if given["domain"] else None,
    )
