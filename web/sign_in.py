"""From a right password, or a provider's word, to a session: the second factor stands between."""

import time
from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from identity.models import User
from identity.services.second_factor import has_second_factor
from identity.services.sign_ins import record_sign_in
from web.guessing import address_of

BACKEND = "django.contrib.auth.backends.ModelBackend"
# Set in sessions that a code, or an enrolment, has stood for.
VERIFIED = "second-factor"
PASSWORD = "password"  # noqa: S105 - the name of a way in
PROVIDER = "identity provider"
_PENDING = "sign-in-pending"
PENDING_SECONDS = 300


def begin_session(request: HttpRequest, user: User, *, target: str, via: str) -> HttpResponse:
    """Sign `user` in, who was vouched for by `via`, and go to `target`; ask for the code first where there is a second factor."""
    if not has_second_factor(user):
        login(request, user, backend=BACKEND)
        record_sign_in(user, via=via, address=address_of(request))
        return redirect(target)
    request.session.cycle_key()
    at = int(time.time())
    request.session[_PENDING] = {"user": user.pk, "at": at, "target": target, "via": via}
    return redirect("web:sign-in-code")


def pending_user(request: HttpRequest) -> tuple[User, str] | None:
    """Who has shown the first factor in this session lately, and where they want to go; None for nobody."""
    pending: dict[str, Any] | None = request.session.get(_PENDING)
    if pending is None or time.time() - pending["at"] > PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    return (user, pending["target"]) if user else None


def finish_session(request: HttpRequest, user: User, *, target: str) -> HttpResponse:
    """Sign in somebody who has shown both factors."""
    pending = request.session.pop(_PENDING, None) or {}
    login(request, user, backend=BACKEND)
    request.session[VERIFIED] = True
    via = f"{pending.get('via', PASSWORD)} and second factor"
    record_sign_in(user, via=via, address=address_of(request))
    return redirect(target)


def safe_target(request: HttpRequest, target: str) -> str:
    """`target` if it is a page of ours, else the home page."""
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and is_ours else reverse("web:home")
