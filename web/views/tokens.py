"""A user's own API tokens: made, shown once, revoked."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.clock import utc_now
from identity.models import ApiToken
from identity.services import issue_token, revoke_token
from identity.services.tokens import record_token
from web.access import current_user
from web.forms.token import TokenForm

SHOWN = 100


@login_required
@require_http_methods(["GET", "POST"])
def token_list(request: HttpRequest) -> HttpResponse:
    """List the viewer's tokens; a POST makes one and shows its text in this one answer only."""
    user = current_user(request)
    form = TokenForm(request.POST if request.method == "POST" else None, user=user)
    secret = None
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            token, secret = issue_token(
                user=user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                lifetime=form.lifetime,
            )
            record_token(token, "create", actor=user.username)
        form = TokenForm(user=user)
    tokens = list(ApiToken.objects.filter(user=user)[:SHOWN])
    return render(
        request,
        "web/tokens.html",
        {"form": form, "tokens": tokens, "secret": secret, "now": utc_now()},
    )


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke one of the viewer's own tokens; another's is not found."""
    user = current_user(request)
    token = get_object_or_404(ApiToken, pk=pk, user=user)
    with transaction.atomic():
        revoke_token(token)
        record_token(token, "revoke", actor=user.username)
    messages.success(request, f"The token {token.name} is revoked.")
    return redirect("web:tokens")
