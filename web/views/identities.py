"""A person's own ways in through the identity provider: linked and unlinked by who can show their password."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.errors import InvalidInputError
from identity.models import ExternalIdentity
from identity.oidc import config
from identity.services.external import unlink_external
from identity.services.second_factor import has_second_factor
from web.access import current_user
from web.forms.identities import ConfirmForm
from web.guessing import confirm_identity
from web.linking import begin_link
from web.views.session import to_provider


@login_required
@require_safe
def identities(request: HttpRequest) -> HttpResponse:
    """What the viewer has, and the forms that change it."""
    user = current_user(request)
    provider = settings.LAKEWARDEN.oidc
    context = {
        "provider": provider and provider.label,
        "identities": ExternalIdentity.objects.filter(user=user).order_by("pk"),
        "has_password": user.has_usable_password(),
        "form": ConfirmForm(with_code=has_second_factor(user)),
    }
    return render(request, "web/identities.html", context)


@login_required
@require_POST
def link(request: HttpRequest) -> HttpResponse:
    """To the provider, once the viewer has confirmed who they are; 404 where no provider is set up."""
    config()
    _confirm(request)
    begin_link(request, current_user(request))
    return to_provider(request)


@login_required
@require_POST
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one of the viewer's own away; another's is not found."""
    user = current_user(request)
    row = get_object_or_404(ExternalIdentity, pk=pk, user=user)
    _confirm(request)
    unlink_external(row, user=user)
    messages.success(request, "You may no longer sign in with it.")
    return redirect("web:identities")


def _confirm(request: HttpRequest) -> None:
    user = current_user(request)
    form = ConfirmForm(request.POST, with_code=has_second_factor(user))
    if not form.is_valid():
        raise InvalidInputError(
            "your password is needed, and the code where you have a second factor"
        )
    given = form.cleaned_data
    confirm_identity(request, user, password=given["password"], code=given.get("code", ""))
