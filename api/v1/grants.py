"""Grants: what one holds, what one may hand out, and the decision explained."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from catalog.models import Dataset, Domain
from core.errors import InvalidInputError, NotFoundError
from governance.facts import GRANT_MODELS
from governance.models import (
    DatasetGroupGrant,
    DatasetUserGrant,
    DomainGroupGrant,
    DomainUserGrant,
    GrantBase,
)
from governance.policy.types import Action, Decision, Principal
from governance.queries import (
    decide_on,
    get_visible_dataset,
    require,
    require_domain,
    visible_datasets,
    visible_domains,
)
from governance.services.grants import describe, grant_access, revoke_grant
from identity.models import User

MAX_GRANTS = 500


class NewGrantSerializer(serializers.Serializer[Any]):
    """One of `user` and `group`, one of `dataset` (uuid) and `domain` (slug)."""

    user = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    dataset = serializers.UUIDField(required=False)
    domain = serializers.SlugField(required=False)
    action = serializers.ChoiceField([str(each) for each in Action])
    row_filter = serializers.CharField(required=False, allow_null=True, max_length=4096)
    columns = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, allow_null=True, min_length=1
    )
    purpose = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for pair in (("user", "group"), ("dataset", "domain")):
            if sum(name in attrs for name in pair) != 1:
                raise serializers.ValidationError(f"give one of `{pair[0]}` and `{pair[1]}`")
        return attrs


class GrantSerializer(serializers.Serializer[Any]):
    grant = serializers.UUIDField()
    subject = serializers.DictField()
    target = serializers.CharField()
    action = serializers.CharField()
    row_filter = serializers.CharField(allow_null=True)
    columns = serializers.ListField(child=serializers.CharField(), allow_null=True)
    purpose = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    request = serializers.UUIDField(allow_null=True)


class GrantsView(APIView):
    """`GET` lists the caller's grants; with `?dataset=` or `?domain=` those on what the caller may approve."""

    @extend_schema(
        parameters=[
            OpenApiParameter("dataset", type=UUID, required=False),
            OpenApiParameter("domain", type=str, required=False, description="slug"),
        ],
        responses=GrantSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        principal = caller(request)
        given = request.query_params
        if "dataset" in given:
            rows = _grants_on_dataset(principal, given["dataset"])
        elif "domain" in given:
            rows = _grants_on_domain(principal, given["domain"])
        else:
            rows = _grants_of(principal)
        return Response([describe(row) for row in rows])

    @extend_schema(request=NewGrantSerializer, responses={201: GrantSerializer})
    def post(self, request: Request) -> Response:
        body = NewGrantSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted, principal = body.validated_data, caller(request)
        grant = grant_access(
            by=principal,
            subject=_subject(wanted),
            target=_target(principal, wanted),
            action=Action(wanted["action"]),
            row_filter=wanted.get("row_filter"),
            columns=wanted.get("columns"),
            purpose=wanted["purpose"],
            expires_at=wanted.get("expires_at"),
        )
        return Response(describe(grant), status.HTTP_201_CREATED)


class GrantView(APIView):
    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> Response:
        """Take the grant back, at once."""
        for model in GRANT_MODELS:
            grant = model._default_manager.filter(uuid=uuid).first()  # noqa: SLF001 - abstract base
            if grant is not None:
                try:
                    revoke_grant(grant, by=caller(request))
                except NotFoundError:
                    # Whose target the caller may not know: as if it were not there.
                    break
                return Response(status=status.HTTP_204_NO_CONTENT)
        raise NotFoundError("there is no such grant")


class DecisionView(APIView):
    """What the caller may do with a dataset, and why: the kernel's own answer."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request, uuid: UUID) -> Response:
        principal = caller(request)
        dataset = get_visible_dataset(principal, uuid)
        answers = {
            str(each): explain(decide_on(principal, each, dataset))
            for each in Action
            if each is not Action.ADMINISTER
        }
        return Response({"dataset": str(dataset.uuid), "decisions": answers})


def explain(decision: Decision) -> dict[str, Any]:
    """A decision with its reasons and obligations, as JSON."""
    answer: dict[str, Any] = {
        "effect": decision.effect,
        "reasons": [{"kind": each.kind, "text": each.text} for each in decision.reasons],
    }
    if decision.obligations is not None:
        answer["row_filter"] = decision.obligations.row_filter
        answer["columns"] = [
            {
                "name": each.name,
                "visible_when": each.visible_when,
                "mask": str(each.mask) if each.mask else None,
            }
            for each in decision.obligations.columns
        ]
    return answer


def _subject(wanted: dict[str, Any]) -> User | Group:
    if "user" in wanted:
        user = User.objects.filter(username=wanted["user"], is_active=True).first()
        if user is None:
            raise NotFoundError(f"there is no user `{wanted['user']}`")
        return user
    group = Group.objects.filter(name=wanted["group"]).first()
    if group is None:
        raise NotFoundError(f"there is no group `{wanted['group']}`")
    return group


def _target(principal: Principal, wanted: dict[str, Any]) -> Dataset | Domain:
    if "dataset" in wanted:
        return get_visible_dataset(principal, wanted["dataset"])
    return _find_domain(principal, wanted["domain"])


def _grants_of(principal: Principal) -> list[GrantBase]:
    rows: list[GrantBase] = []
    for model in GRANT_MODELS:
        mine = (
            {"user_id": principal.id} if hasattr(model, "user") else {"group__in": principal.groups}
        )
        rows += _with_names(model).filter(**mine)[:MAX_GRANTS]
    # A grant is no side door: it names only what the kernel still shows.
    shown = set(
        visible_datasets(principal)
        .filter(pk__in=[row.content_object.pk for row in rows if _is_on_dataset(row)])  # type: ignore[attr-defined]
        .values_list("pk", flat=True)
    )
    return [
        row
        for row in rows
        if not _is_on_dataset(row) or row.content_object.pk in shown  # type: ignore[attr-defined]
    ]


def _grants_on_dataset(principal: Principal, raw: str) -> list[GrantBase]:
    try:
        dataset = get_visible_dataset(principal, UUID(raw))
    except ValueError:
        raise InvalidInputError("`dataset` must be a UUID") from None
    require(principal, Action.APPROVE, dataset)
    return _grants_with(DatasetUserGrant, DatasetGroupGrant, target=dataset)


def _grants_on_domain(principal: Principal, slug: str) -> list[GrantBase]:
    domain = _find_domain(principal, slug)
    require_domain(principal, domain)
    return _grants_with(DomainUserGrant, DomainGroupGrant, target=domain)


def _grants_with(*models: type[GrantBase], target: Dataset | Domain) -> list[GrantBase]:
    return [
        row
        for model in models
        for row in _with_names(model).filter(content_object=target)[:MAX_GRANTS]
    ]


def _find_domain(principal: Principal, slug: str) -> Domain:
    domain = visible_domains(principal).filter(slug=slug).first()
    if domain is None:
        raise NotFoundError("there is no such domain")
    return domain


def _with_names(model: type[GrantBase]) -> Any:
    holder = "user" if hasattr(model, "user") else "group"
    manager: Any = model._default_manager  # noqa: SLF001 - abstract base: its columns differ
    return manager.select_related("permission", "content_object", "request", holder).order_by("pk")


def _is_on_dataset(row: GrantBase) -> bool:
    return isinstance(row.content_object, Dataset)  # type: ignore[attr-defined]
