"""Grants: what one holds, what one may hand out, and the decision explained."""

from collections.abc import Iterable
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
from governance.explanations import changes_to_allow, label_origins
from governance.facts import VERB_BY_ACTION, load_facts
from governance.policy.counterfactual import Change
from governance.policy.types import Action, Decision, Principal
from governance.queries import (
    decide_on,
    get_grant,
    get_visible_dataset,
    get_visible_domain,
    grants_given_on,
    grants_held,
)
from governance.services.grants import describe, grant_access, revoke_grant
from identity.models import User


class NewGrantSerializer(serializers.Serializer[Any]):
    """One of `user` and `group`, one of `dataset` (uuid) and `domain` (slug)."""

    user = serializers.CharField(required=False)
    group = serializers.CharField(required=False)
    dataset = serializers.UUIDField(required=False)
    domain = serializers.SlugField(required=False)
    action = serializers.ChoiceField([str(each) for each in VERB_BY_ACTION])
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
    break_glass = serializers.UUIDField(allow_null=True, help_text="the breaking that gave it")


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
            rows = grants_given_on(principal, _dataset(principal, given["dataset"]))
        elif "domain" in given:
            rows = grants_given_on(principal, get_visible_domain(principal, given["domain"]))
        else:
            rows = grants_held(principal)
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
        by = caller(request)
        revoke_grant(get_grant(by, uuid), by=by)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DecisionView(APIView):
    """What the caller may do with a dataset, and why: the kernel's own answer."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request, uuid: UUID) -> Response:
        principal = caller(request)
        facts = load_facts(principal)
        dataset = get_visible_dataset(principal, uuid, facts=facts)
        answers = {
            str(each): explain(
                decide_on(principal, each, dataset, facts=facts),
                changes_to_allow(principal, each, dataset, facts=facts),
            )
            for each in VERB_BY_ACTION
        }
        return Response({"dataset": str(dataset.uuid), "decisions": answers})


class LabelStepSerializer(serializers.Serializer[Any]):
    dataset = serializers.UUIDField()
    name = serializers.CharField(help_text="namespace:name of the dataset")
    field = serializers.CharField()


class LabelOriginSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    tag = serializers.CharField()
    steps = LabelStepSerializer(many=True)


class LabelOriginsView(APIView):
    """The labels that the dataset's columns inherit along lineage, each with the way it came."""

    @extend_schema(responses=LabelOriginSerializer(many=True))
    def get(self, request: Request, uuid: UUID) -> Response:
        principal = caller(request)
        dataset = get_visible_dataset(principal, uuid, action=Action.VIEW_METADATA)
        found = label_origins(principal, dataset)
        return Response(LabelOriginSerializer(found, many=True).data)


def explain(decision: Decision, changes: Iterable[Change]) -> dict[str, Any]:
    """A decision with its reasons and obligations, and what would have to change where it denies, as JSON."""
    answer: dict[str, Any] = {
        "effect": decision.effect,
        "reasons": [{"kind": each.kind, "text": each.text} for each in decision.reasons],
    }
    if not decision.allowed:
        answer["would_allow"] = [{"kind": each.kind, "text": each.text} for each in changes]
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
    return get_visible_domain(principal, wanted["domain"])


def _dataset(principal: Principal, raw: str) -> Dataset:
    try:
        return get_visible_dataset(principal, UUID(raw))
    except ValueError:
        raise InvalidInputError("`dataset` must be a UUID") from None
