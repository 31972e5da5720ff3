"""The project's URLs and views that fail, for `test_problems`."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.urls import include, path
from rest_framework.views import APIView

SECRET = "postgresql://owner:a-secret-password@db/lakewarden"


class Broken(APIView):
    permission_classes = ()

    def get(self, request):
        raise RuntimeError(f"could not connect to {SECRET}")


class Lost(APIView):
    permission_classes = ()

    def get(self, request):
        raise OperationalError(f"could not connect to {SECRET}")


@login_not_required
def lost(request):
    raise InterfaceError(f"the connection to {SECRET} is closed")


@login_not_required
def plain(request):
    raise RuntimeError(f"could not connect to {SECRET}")


def suspicious(request):
    raise SuspiciousOperation(SECRET)


urlpatterns = [
    path("api/v1/broken", Broken.as_view()),
    path("api/v1/plain", plain),
    path("api/v1/lost", Lost.as_view()),
    path("api/v1/lost-plain", lost),
    path("api/v1/suspicious", suspicious),
    path("page", plain),
    path("", include("config.urls")),
]
handler400 = "api.problems.bad_request"
handler403 = "api.problems.permission_denied"
handler404 = "api.problems.not_found"
handler500 = "api.problems.server_error"
