"""Signing in and out."""

from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from web.forms.sign_in import SignInForm


class SignInView(LoginView):
    template_name = "web/sign_in.html"
    authentication_form = SignInForm


class SignOutView(LogoutView):
    http_method_names = ["post", "options"]


def sign_in_for_admin(request: HttpRequest, extra_context: object = None) -> HttpResponseBase:
    """The admin's sign-in: the same door as the pages', so that the lock-out holds for both."""
    del extra_context
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    target = request.GET.get("next") or reverse("admin:index")
    return redirect(f"{reverse('web:sign-in')}?{urlencode({'next': target})}")
