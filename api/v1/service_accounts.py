"""Service accounts, for those who answer for them: owners, tokens, and the end."""

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.identity import CreatedTokenSerializer, TokenSerializer
from core.errors import InvalidInputError, NotFoundError
from identity.models import ApiToken, User
from identity.models.token import Scope
from identity.queries import accounts_answered_for, orphaned_accounts, people, service_accounts
from identity.services.service_accounts import (
    deactivate_account,
    revoke_account_token,
    rotate_token,
    set_owner,
)


class ServiceAccountSerializer(serializers.ModelSerializer[User]):
    responsible = serializers.SlugRelatedField(slug_field="username", read_only=True)
    responsible_group = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = User
        fields = ["username", "is_active", "responsible", "responsible_group", "orphaned_at"]
        read_only_fields = fields


class ChangeOwnerSerializer(serializers.Serializer[Any]):
    """Who answers from now on; what is left out stays as it is, null is nobody."""

    responsible = serializers.CharField(required=False, allow_null=True)
    responsible_group = serializers.CharField(required=False, allow_null=True)


class ServiceAccountViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[User]
):
    """Those that the caller answers for, and all for superusers. `?orphaned=1`: whose owners have left.

    What changes something needs a session, or a token with the scope `admin`.
    """

    serializer_class = ServiceAccountSerializer
    lookup_field = "username"
    lookup_value_regex = r"[\w.@+-]+"
    token_scopes = {
        "GET": (Scope.READ,),
        "HEAD": (Scope.READ,),
        "OPTIONS": (Scope.READ,),
        "*": (Scope.ADMIN,),
    }

    def get_queryset(self) -> QuerySet[User]:
        user: User = self.request.user  # type: ignore[assignment]
        if getattr(self, "swagger_fake_view", False):
            return User.objects.none()
        rows = service_accounts() if user.is_superuser else accounts_answered_for(user)
        if self.request.query_params.get("orphaned") == "1":
            return rows.filter(pk__in=orphaned_accounts().values("pk"))
        return rows

    @extend_schema(request=ChangeOwnerSerializer, responses=ServiceAccountSerializer)
    def partial_update(self, request: Request, username: str) -> Response:
        del username
        account, body = self.get_object(), ChangeOwnerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        row = set_owner(
            account,
            by=request.user,  # type: ignore[arg-type]
            responsible=_user(given["responsible"])
            if "responsible" in given
            else account.responsible,
            group=_group(given["responsible_group"])
            if "responsible_group" in given
            else account.responsible_group,
        )
        return Response(ServiceAccountSerializer(row).data)

    @extend_schema(request=None, responses=ServiceAccountSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, username: str) -> Response:
        """End the account, and all its tokens, at once."""
        del username
        row = deactivate_account(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(ServiceAccountSerializer(row).data)

    @extend_schema(responses=TokenSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def tokens(self, request: Request, username: str) -> Response:
        """The account's tokens, newest first, without their texts."""
        del request, username
        rows = ApiToken.objects.filter(user=self.get_object()).select_related("user")
        return Response(TokenSerializer(rows, many=True).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["delete"], url_path=r"tokens/(?P<token>[0-9]{1,18})")
    def revoke(self, request: Request, username: str, token: str) -> Response:
        del username
        revoke_account_token(self._token(token), by=request.user)  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: CreatedTokenSerializer})
    @action(detail=True, methods=["post"], url_path=r"tokens/(?P<token>[0-9]{1,18})/rotate")
    def rotate(self, request: Request, username: str, token: str) -> Response:
        """A new text for the same token; the old one is useless from now on."""
        del username
        made, text = rotate_token(self._token(token), by=request.user)  # type: ignore[arg-type]
        return Response({**TokenSerializer(made).data, "token": text}, status.HTTP_201_CREATED)

    def _token(self, key: str) -> ApiToken:
        found = ApiToken.objects.filter(user=self.get_object(), pk=int(key)).first()
        if found is None:
            raise NotFoundError("there is no such token")
        return found


def _user(username: str | None) -> User | None:
    if username is None:
        return None
    found = people().filter(username=username).first()
    if found is None:
        raise InvalidInputError(f"there is no person `{username}`")
    return found


def _group(name: str | None) -> Group | None:
    if name is None:
        return None
    found = Group.objects.filter(name=name).first()
    if found is None:
        raise InvalidInputError(f"there is no group `{name}`")
    return found
