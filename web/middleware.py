"""Pages and the admin answer people: by session only, with errors as pages."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from core.errors import LakewardenError, NotFoundError, PermissionDeniedError, UnauthenticatedError

NAMESPACES = frozenset({"web", "admin"})


def is_page(request: HttpRequest) -> bool:
    """Whether the request resolved to a page or to the admin."""
    match = request.resolver_match
    return match is not None and not NAMESPACES.isdisjoint(match.app_names)


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
