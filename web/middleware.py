"""Pages and the admin answer people: by session only, with errors as pages."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render

from core.errors import LakewardenError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from web.sign_in import VERIFIED

NAMESPACES = frozenset({"web", "admin"})
# What a member of the staff without a second factor still reaches, where one is needed.
ENROLMENT = frozenset({"web:second-factor", "web:sign-in", "web:sign-out", "web:error-codes"})


def is_page(request: HttpRequest) -> bool:
    """Whether the request resolved to a page or to the admin."""
    match = request.resolver_match
    return match is not None and not NAMESPACES.isdisjoint(match.app_names)


class SecondFactorMiddleware:
    """Where staff need a second factor, a session of theirs without one leads to its enrolment, and to nothing else.

    A session that began before the enrolment was ended by it, so one without the mark has no second factor yet.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        del view, args, kwargs
        if not settings.LAKEWARDEN.staff_second_factor or getattr(request, "api_token", None):
            return None
        user = request.user
        if not (user.is_authenticated and user.is_staff) or request.session.get(VERIFIED):
            return None
        if request.resolver_match is not None and request.resolver_match.view_name in ENROLMENT:
            return None
        if is_page(request):
            return redirect("web:second-factor")
        raise PermissionDenied


class PageMiddleware:
    """Refuses tokens on pages, and renders what the services raise.

    INVARIANT: a token's scopes are checked by the API only, so a page must never act for a token.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if is_page(request) and request.user.is_authenticated:
            # What one viewer may see must not come out of a cache for another.
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        del view, args, kwargs
        if is_page(request) and getattr(request, "api_token", None) is not None:
            raise PermissionDenied
        return None

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Turn an error of ours into a page; anything else stays Django's."""
        if not is_page(request) or not isinstance(exception, LakewardenError):
            return None
        match exception:
            case UnauthenticatedError():
                return redirect_to_login(request.get_full_path())
            case NotFoundError():
                return render(request, "404.html", status=404)
            case PermissionDeniedError():
                return render(request, "web/refused.html", {"error": exception}, status=403)
        return render(request, "web/error.html", {"error": exception}, status=exception.status)
