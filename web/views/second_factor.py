"""A person's own second factor: enrolled, renewed, removed."""

from collections.abc import Iterator
from contextlib import contextmanager

import segno
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import InvalidInputError
from identity.models import SecondFactor, User
from identity.services import second_factor as services
from web.access import current_user
from web.forms.second_factor import CodeForm, EnrolForm
from web.guessing import counted_code
from web.sign_in import VERIFIED

_SECRET = "second-factor-secret"  # noqa: S105 - the name of a session's member
QR_SCALE = 5


@login_required
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """What the viewer has; without a second factor, the form that enrols one."""
    user = current_user(request)
    factor = SecondFactor.objects.filter(user=user).first()
    if factor is not None:
        left = factor.recovery_codes.count()
        context = {"factor": factor, "left": left, "form": CodeForm()}
        return render(request, "web/second_factor.html", context)
    form = EnrolForm(request.POST if request.method == "POST" else None)
    # Kept here until it has been shown to work; a secret that a form sends back could be anybody's.
    secret = request.session.setdefault(_SECRET, services.new_secret())
    if request.method == "POST" and form.is_valid():
        try:
            codes = services.enrol(user, secret=secret, code=form.cleaned_data["code"])
        except InvalidInputError as error:
            form.add_error("code", error.message)
        else:
            _go_on(request, user)
            return render(request, "web/recovery_codes.html", {"codes": codes})
    context = {"form": form, "secret": secret, "qr": _qr(services.provisioning_uri(user, secret))}
    return render(request, "web/second_factor_enrol.html", context)


@login_required
@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown in this one answer only."""
    user = current_user(request)
    with _counted(request, user) as code:
        codes = services.renew_codes(user, code=code)
    return render(request, "web/recovery_codes.html", {"codes": codes})


@login_required
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    with _counted(request, user) as code:
        services.remove(user, code=code)
    messages.success(request, "Your second factor is removed.")
    return redirect("web:second-factor")


def _go_on(request: HttpRequest, user: User) -> None:
    """Keep this one session, which has just shown the app, where enrolling has ended all."""
    request.session.pop(_SECRET, None)
    update_session_auth_hash(request, user)
    request.session[VERIFIED] = True


@contextmanager
def _counted(request: HttpRequest, user: User) -> Iterator[str]:
    """The code of the form; wrong ones are counted, as at the sign-in."""
    form = CodeForm(request.POST)
    if not form.is_valid():
        raise InvalidInputError("`code` is missing or too long")
    with counted_code(request, user):
        yield form.cleaned_data["code"]


def _qr(uri: str) -> str:
    """The code as an SVG element: nothing of it is the caller's, and segno writes no script."""
    svg = segno.make(uri, error="m").svg_inline(scale=QR_SCALE, border=4, light="#fff")
    return mark_safe(svg)  # noqa: S308
