"""Who asks: the checks of views outside DRF."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from api.authentication import require_scope
from api.principal import caller
from api.problems import problem_response
from core.errors import LakewardenError, PermissionDeniedError, UnauthenticatedError
from governance.policy.types import Principal
from identity.models import User
from identity.models.token import Scope

View = Callable[..., HttpResponse]


def answer_problems(view: View) -> View:
    """Render each of our errors as a problem document."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except LakewardenError as error:
            return problem_response(error)

    return wrapped


def require_user(request: HttpRequest, *, scopes: tuple[str, ...] = ()) -> User:
    """The signed-in user; the token, if there is one, must have one of `scopes` (or cover the method)."""
    if not isinstance(request.user, User) or not request.user.is_active:
        raise UnauthenticatedError("sign in, or send a bearer token")
    token = getattr(request, "api_token", None)
    if token is not None:
        require_scope(token, method=request.method or "GET", scopes=scopes)
    return request.user


def require_sender(request: HttpRequest) -> User:
    """A user who may record lineage: a service account, or one with the permission `catalog.add_runevent`.

    A token needs the scope `lineage` besides. Recording lineage is a trust: column lineage decides how labels
    travel. It never changes what a service of ours declared about a dataset.
    """
    user = require_user(request, scopes=(Scope.LINEAGE,))
    return check_sender(user)


def check_sender(user: User) -> User:
    """The user, who may record lineage; PermissionDeniedError otherwise."""
    if not user.is_service and not user.has_perm("catalog.add_runevent"):
        raise PermissionDeniedError("recording lineage needs the permission `catalog.add_runevent`")
    return user


def principal_from(request: HttpRequest) -> Principal:
    """The caller as the decision kernel knows them."""
    require_user(request)
    return caller(request)
