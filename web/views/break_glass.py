"""Breaking the glass of a dataset, and the reviews that follow."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import LakewardenError
from governance.glass import may_break_glass, reviews_to_close, visible_breakings
from governance.policy.types import Action
from governance.services.break_glass import break_glass, review_break_glass
from web.access import current_user, find_dataset, principal_of_viewer
from web.forms.break_glass import BreakGlassForm, ReviewForm
from web.templatetags.lakewarden import sentence

SHOWN = 100


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def break_dataset(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The form, for those who may; what they break they may read at once."""
    dataset = find_dataset(request, uuid, Action.DISCOVER)
    if not may_break_glass(current_user(request)):
        raise PermissionDenied
    form = BreakGlassForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = break_glass(dataset, by=principal_of_viewer(request), **form.cleaned_data)
        except LakewardenError as error:
            form.add_error(None, sentence(error.message))
        else:
            until = f"{row.expires_at:%H:%M} UTC"
            messages.warning(request, f"You may read this until {until}. It is on record.")
            return redirect("web:dataset", uuid)
    return render(request, "web/break_glass_new.html", {"dataset": dataset, "form": form})


@login_required
@require_safe
def breakings(request: HttpRequest) -> HttpResponse:
    """The reviews that wait for the viewer, and all breakings that they may know of."""
    principal = principal_of_viewer(request)
    context = {
        "waiting": reviews_to_close(principal)[:SHOWN],
        "rows": visible_breakings(principal)[:SHOWN],
    }
    return render(request, "web/break_glass.html", context)


@login_required
@require_POST
def review(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Close a review; one that does not wait for the viewer is not found."""
    principal = principal_of_viewer(request)
    row = reviews_to_close(principal).filter(uuid=uuid).first()
    if row is None:
        raise Http404
    form = ReviewForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a verdict, and say why.")
        return redirect("web:break-glass")
    try:
        review_break_glass(row, by=principal, **form.cleaned_data)
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, "The review is closed.")
    return redirect("web:break-glass")
