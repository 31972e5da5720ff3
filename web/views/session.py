"""Signing in and out."""

from typing import Any

import structlog
from authlib.common.errors import AuthlibBaseError
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods
from joserfc.errors import JoseError
from requests import RequestException

from core.errors import InvalidInputError, LakewardenError, PermissionDeniedError
from identity.oidc import claims_of, config, redirect_to_provider
from identity.services.external import link_external, sign_in_external
from identity.services.sign_ins import record_failure, record_sign_out
from web.forms.second_factor import CodeForm
from web.forms.sign_in import SignInForm
from web.guessing import address_of, require_code
from web.linking import forget_link, user_who_links
from web.sign_in import (
    PASSWORD,
    PROVIDER,
    begin_session,
    finish_session,
    pending_user,
    safe_target,
)

logger = structlog.get_logger(__name__)

_TARGET = "oidc-target"


class SignInView(LoginView):
    template_name = "web/sign_in.html"
    authentication_form = SignInForm

    def form_valid(self, form: BaseForm) -> HttpResponse:
        user = form.get_user()  # type: ignore[attr-defined]
        return begin_session(self.request, user, target=self.get_success_url(), via=PASSWORD)

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        provider = settings.LAKEWARDEN.oidc
        return {**super().get_context_data(**kwargs), "provider": provider and provider.label}


class SignOutView(LogoutView):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            record_sign_out(request.user, address=address_of(request))
        return super().post(request, *args, **kwargs)


@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in; failures lock the account's codes at this address, and then everywhere."""
    pending = pending_user(request)
    if pending is None:
        return redirect("web:sign-in")
    user, target = pending
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            require_code(request, user, form.cleaned_data["code"])
        except PermissionDeniedError as error:
            form.add_error(None, error.message)
        except InvalidInputError as error:
            form.add_error("code", error.message)
        else:
            return finish_session(request, user, target=target)
    return render(request, "web/sign_in_code.html", {"form": form})


@require_GET
def sign_in_with_provider(request: HttpRequest) -> HttpResponse:
    """Lead to the identity provider; 404 where none is set up."""
    config()
    request.session[_TARGET] = safe_target(request, request.GET.get("next", ""))
    forget_link(request)
    return to_provider(request)


def to_provider(request: HttpRequest) -> HttpResponse:
    """Where the provider asks the person; back to the sign-in where it cannot be reached."""
    try:
        return redirect_to_provider(request, callback=_callback())
    except (AuthlibBaseError, RequestException, ValueError, LakewardenError) as error:
        return _refused(request, error)


@require_GET
def back_from_provider(request: HttpRequest) -> HttpResponse:
    """The provider's answer: a session for who it vouches for, or back to the sign-in.

    Where the viewer has asked to link their account, the account is linked instead.
    """
    config()
    target = request.session.pop(_TARGET, None)
    linking = user_who_links(request)
    try:
        claims = claims_of(request)
        if linking is not None:
            link_external(linking, claims)
            messages.success(request, "From now on you may sign in with the provider as well.")
            return redirect("web:identities")
        user = sign_in_external(claims)
    except (
        AuthlibBaseError,
        JoseError,
        RequestException,
        ValueError,
        ValidationError,
        LakewardenError,
    ) as error:
        if target is not None or linking is not None:
            # What was not begun here is anybody's request, and not worth a record.
            reason = f"identity provider: {type(error).__name__}"
            name = linking.username if linking else ""
            record_failure(name, reason=reason, address=address_of(request))
        return _refused(request, error)
    return begin_session(request, user, target=safe_target(request, target or ""), via=PROVIDER)


def sign_in_for_admin(request: HttpRequest, extra_context: object = None) -> HttpResponseBase:
    """The admin's sign-in: the same door as the pages', so that the lock-out holds for both."""
    del extra_context
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    target = request.GET.get("next") or reverse("admin:index")
    return redirect(f"{reverse('web:sign-in')}?{urlencode({'next': target})}")


def sign_out_for_admin(request: HttpRequest, extra_context: object = None) -> HttpResponseBase:
    """The admin's way out: the pages' own."""
    del extra_context
    return SignOutView.as_view()(request)


def _callback() -> str:
    """As it is registered with the provider: no header of a request chooses the host."""
    url = settings.LAKEWARDEN.url
    return f"{url.scheme}://{url.netloc}{reverse('web:oidc-callback')}"


def _refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """Nothing of the provider's words is shown: they come with the URL, from anybody."""
    logger.warning(
        "sign-in with the provider failed", reason=type(error).__name__, detail=str(error)
    )
    text = (
        error.message
        if isinstance(error, LakewardenError)
        else "the identity provider did not confirm who you are"
    )
    messages.error(request, text)
    return redirect("web:sign-in")
