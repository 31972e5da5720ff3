"""The endpoints by method."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.http import require_http_methods

from api.openlineage.access import answer_problems
from api.openlineage.impact import get_impact
from api.openlineage.reading import get_column_lineage, get_lineage
from api.openlineage.receiver import receive_batch, receive_event
from api.openlineage.ways import get_path


@answer_problems
def lineage(request: HttpRequest) -> HttpResponse:
    """GET the graph around a node; POST an OpenLineage event."""
    if request.method == "POST":
        return receive_event(request)
    if request.method in {"GET", "HEAD"}:
        return get_lineage(request)
    return HttpResponseNotAllowed(["GET", "POST"])


@require_http_methods(["POST"])
@answer_problems
def lineage_batch(request: HttpRequest) -> HttpResponse:
    """POST many OpenLineage events, as a JSON array or NDJSON."""
    return receive_batch(request)


@require_http_methods(["GET"])
@answer_problems
def column_lineage(request: HttpRequest) -> HttpResponse:
    """GET the graph of fields around a node."""
    return get_column_lineage(request)


@require_http_methods(["GET"])
@answer_problems
def impact(request: HttpRequest) -> HttpResponse:
    """GET what is downstream of a node, who owns it, and when it runs next."""
    return get_impact(request)


@require_http_methods(["GET"])
@answer_problems
def path_between(request: HttpRequest) -> HttpResponse:
    """GET the shortest ways between two nodes."""
    return get_path(request)
