"""Certifying again: the grants that wait for the viewer, with what is known of their use."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import LakewardenError
from governance.campaigns import describe_items, get_campaign, get_item, items_to_certify
from governance.certification.states import ItemState
from governance.models import CampaignItem
from governance.policy.types import Principal
from governance.services.campaigns import keep_grant, narrow_to, report_lines, revoke_certified
from governance.services.campaigns.report import FORMS
from web.access import principal_of_viewer
from web.forms.campaign import CertifyForm
from web.templatetags.lakewarden import sentence

SHOWN = 50
DONE = {
    ItemState.KEPT: "The grant is kept.",
    ItemState.NARROWED: "The grant is narrowed, from now on.",
    ItemState.REVOKED: "The grant is revoked, from now on.",
    ItemState.GONE: "The grant had ended already.",
}


@login_required
@require_safe
def certify(request: HttpRequest) -> HttpResponse:
    """What is due first comes first."""
    principal = principal_of_viewer(request)
    rows = items_to_certify(principal)
    context = {
        "waiting": describe_items(rows[:SHOWN], viewer=principal),
        "count": rows.count(),
    }
    return render(request, "web/certify.html", context)


@login_required
@require_POST
def certify_item(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One decision; an item that does not wait for the viewer is not found."""
    principal = principal_of_viewer(request)
    item = get_item(principal, uuid)
    (view,) = describe_items([item], viewer=principal)
    form = CertifyForm(request.POST, column_names=[name for name, _ in view.columns])
    if not form.is_valid():
        messages.error(request, "Choose to keep, to narrow or to revoke.")
        return redirect("web:certify")
    try:
        decided = _say(form, item, principal)
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, DONE[ItemState(decided.state)])
    return redirect("web:certify")


@login_required
@require_safe
def campaign_report(request: HttpRequest, uuid: UUID, form: str) -> StreamingHttpResponse:
    """The report of a campaign that the viewer may hold."""
    if form not in FORMS:
        raise Http404
    principal = principal_of_viewer(request)
    lines = report_lines(get_campaign(principal, uuid), by=principal, form=form)
    answer = StreamingHttpResponse(lines, content_type=f"{FORMS[form]}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="campaign-{uuid}.{form}"'
    return answer


def _say(form: CertifyForm, item: CampaignItem, by: Principal) -> CampaignItem:
    comment = form.cleaned_data["comment"]
    steps: dict[str, Callable[[], CampaignItem]] = {
        "keep": lambda: keep_grant(item, by=by, comment=comment),
        "narrow": lambda: narrow_to(item, by=by, comment=comment, **form.narrowed()),
        "revoke": lambda: revoke_certified(item, by=by, comment=comment),
    }
    return steps[form.cleaned_data["verdict"]]()
