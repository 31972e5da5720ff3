"""Signing in and out."""

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

from core.errors import LakewardenError
from identity.oidc import claims_of, config, redirect_to_provider
from identity.services.external import sign_in_external
from identity.services.second_factor import is_right_code
from web.forms.second_factor import CodeForm
from web.forms.sign_in import LOCKED_OUT, SignInForm
from web.lockout import codes_of, count_failure, forget_failures, is_locked_out
from web.sign_in import begin_session, finish_session, pending_user, safe_target

logger = structlog.get_logger(__name__)

_TARGET = "oidc-target"


class SignInView(LoginView):
    template_name = "web/sign_in.html"
    authentication_form = SignInForm

    def form_valid(self, form: BaseForm) -> HttpResponse:
        user = form.get_user()  # type: ignore[attr-defined]
        return begin_session(self.request, user, target=self.get_success_url())

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        provider = settings.LAKEWARDEN.oidc
        return {**super().get_context_data(**kwargs), "provider": provider and provider.label}


class SignOutView(LogoutView):
    http_method_names = ["post", "options"]


@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in; failures lock the account's codes at this address, and then everywhere."""
    pending = pending_user(request)
    if pending is None:
        return redirect("web:sign-in")
    user, target = pending
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        who = codes_of(username=user.username, address=request.META["REMOTE_ADDR"])
        if is_locked_out(**who):
            form.add_error(None, LOCKED_OUT)
        elif is_right_code(user, form.cleaned_data["code"]):
            forget_failures(**who)
            return finish_session(request, user, target=target)
        else:
            count_failure(**who)
            form.add_error("code", "the code is wrong or was used already")
    return render(request, "web/sign_in_code.html", {"form": form})


@require_GET
def sign_in_with_provider(request: HttpRequest) -> HttpResponse:
    """Lead to the identity provider; 404 where none is set up."""
    config()
    request.session[_TARGET] = safe_target(request, request.GET.get("next", ""))
    try:
        return redirect_to_provider(request, callback=_callback())
    except (AuthlibBaseError, RequestException, ValueError, LakewardenError) as error:
        return _refused(request, error)


@require_GET
def back_from_provider(request: HttpRequest) -> HttpResponse:
    """The provider's answer: a session for who it vouches for, or back to the sign-in."""
    config()
    target = request.session.pop(_TARGET, None)
    try:
        user = sign_in_external(claims_of(request))
    except (
        AuthlibBaseError,
        JoseError,
        RequestException,
        ValueError,
        ValidationError,
        LakewardenError,
    ) as error:
        return _refused(request, error)
    return begin_session(request, user, target=safe_target(request, target or ""))


def sign_in_for_admin(request: HttpRequest, extra_context: object = None) -> HttpResponseBase:
    """The admin's sign-in: the same door as the pages', so that the lock-out holds for both."""
    del extra_context
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    target = request.GET.get("next") or reverse("admin:index")
    return redirect(f"{reverse('web:sign-in')}?{urlencode({'next': target})}")


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
