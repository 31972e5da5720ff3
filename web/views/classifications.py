"""What a steward decides on the suggested labels of a dataset, from its page."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from core.errors import LakewardenError
from governance.policy.types import Action
from governance.services.classifications import decide_classifications
from query.classification import classify_dataset
from web.access import find_dataset, viewer_of
from web.templatetags.lakewarden import sentence


@login_required
@require_POST
def decide_labels(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """`verdict` is `accept` or `reject` for the `chosen` suggestions, or `scan`, which samples the dataset anew."""
    dataset = find_dataset(request, uuid, Action.MANAGE)
    by = viewer_of(request).principal
    verdict, chosen = request.POST.get("verdict"), request.POST.getlist("chosen")
    try:
        if verdict == "scan":
            told = f"{len(classify_dataset(dataset, by=by))} labels are suggested."
        elif verdict == "accept":
            told = f"{len(decide_classifications(dataset, by=by, accept=chosen))} labels are set."
        else:
            rejected = decide_classifications(dataset, by=by, reject=chosen)
            told = f"{len(rejected)} suggestions are rejected."
    except LakewardenError as error:
        messages.error(request, sentence(error.message))
    else:
        messages.success(request, told)
    return redirect("web:dataset", uuid=uuid)
