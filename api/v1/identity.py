"""Who I am, my tokens; users and groups, for administrators."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from core.errors import PermissionDeniedError
from governance.services.break_glass import set_may_break_glass
from identity.models import ApiToken, User
from identity.models.token import Scope
from identity.queries import answers_for
from identity.services import (
    create_group,
    create_user,
    issue_token,
    revoke_token,
    set_attributes,
    set_groups,
)
from identity.services.tokens import record_token

DEFAULT_TOKEN_DAYS = 30
MAX_TOKEN_DAYS = 366


class IsAdministrator(BasePermission):
    """Superusers, and with a token only one that has the scope `admin`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        token = request.auth
        scoped = not isinstance(token, ApiToken) or Scope.ADMIN in token.scopes
        return bool(request.user.is_superuser) and scoped


class MeSerializer(serializers.ModelSerializer[User]):
    groups = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = User
        fields = ["username", "email", "is_service", "is_superuser", "groups", "attributes"]
        read_only_fields = fields


class MeView(APIView):
    """The caller as the decision kernel sees it."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        user: User = request.user  # type: ignore[assignment]
        return Response(MeSerializer(user).data)


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "username",
            "hint",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), min_length=1)
    days = serializers.IntegerField(
        min_value=1, max_value=MAX_TOKEN_DAYS, default=DEFAULT_TOKEN_DAYS
    )
    username = serializers.CharField(
        required=False,
        help_text="a service account that the caller administers; default: the caller",
    )


class CreatedTokenSerializer(TokenSerializer):
    token = serializers.CharField(read_only=True, help_text="shown this once")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class TokenViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ApiToken],
):
    """The caller's tokens. A token never makes a token with more scopes than its own."""

    serializer_class = TokenSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[ApiToken]:
        if getattr(self, "swagger_fake_view", False):
            return ApiToken.objects.none()
        return ApiToken.objects.filter(user=self.request.user).select_related("user")  # type: ignore[misc]

    @extend_schema(request=NewTokenSerializer, responses={201: CreatedTokenSerializer})
    @transaction.atomic
    def create(self, request: Request) -> Response:
        body = NewTokenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        self._refuse_more_scopes(request, wanted["scopes"])
        owner = self._owner_of_new(request, wanted.get("username"))
        token, text = issue_token(
            user=owner,
            name=wanted["name"],
            scopes=wanted["scopes"],
            lifetime=timedelta(days=wanted["days"]),
            issuer=request.user,  # type: ignore[arg-type]
        )
        record_token(token, "create", actor=request.user.get_username(), days=wanted["days"])
        return Response({**TokenSerializer(token).data, "token": text}, status.HTTP_201_CREATED)

    @transaction.atomic
    def destroy(self, request: Request, pk: str) -> Response:
        del pk
        token = self.get_object()
        revoke_token(token)
        record_token(token, "revoke", actor=request.user.get_username())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _refuse_more_scopes(request: Request, scopes: list[str]) -> None:
        if not isinstance(request.auth, ApiToken) or Scope.ADMIN in request.auth.scopes:
            return
        if not set(scopes) <= set(request.auth.scopes):
            raise PermissionDeniedError("a token cannot make one with more scopes than its own")

    @staticmethod
    def _owner_of_new(request: Request, username: str | None) -> User:
        caller_: User = request.user  # type: ignore[assignment]
        if username is None or username == caller_.username:
            return caller_
        account = User.objects.filter(username=username, is_service=True, is_active=True).first()
        if account is None or not answers_for(caller_, account):
            raise PermissionDeniedError("tokens are made for oneself or for one's service accounts")
        return account


class GroupSerializer(serializers.ModelSerializer[Group]):
    class Meta:
        model = Group
        fields = ["id", "name"]
        # A taken name is a conflict, which the service answers.
        extra_kwargs = {"name": {"validators": []}}


class GroupViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Group]):
    permission_classes = [IsAdministrator]
    serializer_class = GroupSerializer
    queryset = Group.objects.all()

    def create(self, request: Request) -> Response:
        body = GroupSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        group = create_group(actor=request.user.get_username(), name=body.validated_data["name"])
        return Response(GroupSerializer(group).data, status.HTTP_201_CREATED)


class UserSerializer(serializers.ModelSerializer[User]):
    groups = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    responsible = serializers.SlugRelatedField(slug_field="username", read_only=True)
    responsible_group = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "is_active",
            "is_staff",
            "is_superuser",
            "is_service",
            "responsible",
            "responsible_group",
            "groups",
            "attributes",
        ]
        read_only_fields = fields


class NewUserSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=200, required=False, write_only=True)
    email = serializers.EmailField(required=False, default="")
    groups = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    attributes = serializers.DictField(required=False, default=dict)
    is_service = serializers.BooleanField(required=False, default=False)
    is_staff = serializers.BooleanField(required=False, default=False)


class ChangeUserSerializer(serializers.Serializer[Any]):
    groups = serializers.ListField(child=serializers.CharField(), required=False)
    attributes = serializers.DictField(required=False)


class UserViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[User]):
    permission_classes = [IsAdministrator]
    serializer_class = UserSerializer
    lookup_field = "username"
    lookup_value_regex = r"[\w.@+-]+"
    queryset = User.objects.select_related("responsible", "responsible_group").prefetch_related(
        "groups"
    )

    @extend_schema(request=NewUserSerializer, responses={201: UserSerializer})
    def create(self, request: Request) -> Response:
        body = NewUserSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        caller_: User = request.user  # type: ignore[assignment]
        values = body.validated_data
        user = create_user(
            actor=caller_.username,
            responsible=caller_ if values["is_service"] else None,
            **values,
        )
        return Response(UserSerializer(user).data, status.HTTP_201_CREATED)

    @extend_schema(request=ChangeUserSerializer, responses=UserSerializer)
    @transaction.atomic
    def partial_update(self, request: Request, username: str) -> Response:
        del username
        user = self.get_object()
        if user == request.user:
            raise PermissionDeniedError("nobody changes their own groups or attributes")
        body = ChangeUserSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        actor = request.user.get_username()
        if "groups" in body.validated_data:
            set_groups(actor=actor, user=user, groups=body.validated_data["groups"])
        if "attributes" in body.validated_data:
            set_attributes(actor=actor, user=user, attributes=body.validated_data["attributes"])
        return Response(UserSerializer(self.get_object()).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["put"], url_path="break-glass")
    def allow_break_glass(self, request: Request, username: str) -> Response:
        """Let a person break the glass in an emergency."""
        del username
        set_may_break_glass(self.get_object(), by=caller(request), allowed=True)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @allow_break_glass.mapping.delete
    def disallow_break_glass(self, request: Request, username: str) -> Response:
        """Take that permission away; superusers may all the same."""
        del username
        set_may_break_glass(self.get_object(), by=caller(request), allowed=False)
        return Response(status=status.HTTP_204_NO_CONTENT)
