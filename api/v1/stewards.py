"""Who answers for a domain."""

from django.contrib.auth.models import Group
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.sight import Sight
from catalog.models import Domain
from catalog.services.domains import add_steward, remove_steward
from core.errors import NotFoundError
from identity.models import User


class StewardView(APIView):
    """`PUT` makes a user or a group steward of the domain and all below it; `DELETE` ends that."""

    @extend_schema(request=None, responses={204: None})
    def put(self, request: Request, slug: str, kind: str, name: str) -> Response:
        domain = _administered(request, slug)
        add_steward(domain, steward=_subject(kind, name), actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, slug: str, kind: str, name: str) -> Response:
        domain = _administered(request, slug)
        remove_steward(domain, steward=_subject(kind, name), actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _administered(request: Request, slug: str) -> Domain:
    sight = Sight(request)
    domain = sight.domains.filter(slug=slug).first()
    if domain is None:
        raise NotFoundError("there is no such domain")
    sight.require_domain(domain)
    return domain


def _subject(kind: str, name: str) -> User | Group:
    found: User | Group | None = (
        User.objects.filter(username=name).first()
        if kind == "users"
        else Group.objects.filter(name=name).first()
    )
    if found is None:
        raise NotFoundError(f"there is no such {kind.removesuffix('s')}: `{name}`")
    return found
