"""What the error codes of the API mean: public, since the `type` of each error leads here."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.error_codes import list_error_codes


@require_safe
def error_codes(request: HttpRequest) -> HttpResponse:
    return render(request, "web/error_codes.html", {"codes": list_error_codes()})
