"""The start page: what is mine, what I may read, what I asked for."""

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.models import AccessRequest
from governance.policy.types import Action
from web.access import current_user, visible_datasets
from web.views.inbox import pending_for
from web.views.requests import mark_visible

SHOWN = 10


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Ten of each; the rest is a search away."""
    user = current_user(request)
    mine = Q(owners__user=user) | Q(owners__group__in=user.groups.all())
    visible = visible_datasets(request, Action.VIEW_METADATA).select_related("domain")
    asked = AccessRequest.objects.filter(requester=user).select_related("dataset")[:SHOWN]
    context = {
        "owned": visible.filter(mine).distinct().order_by("name")[:SHOWN],
        "readable": visible_datasets(request, Action.READ)
        .select_related("domain")
        .order_by("name")[:SHOWN],
        "requests": mark_visible(request, list(asked)),
        "waiting": pending_for(request).count(),
    }
    return render(request, "web/home.html", context)
