"""The past of a dataset: who could see it, who did, what changed. For auditors, and for those who manage it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.pagination import decode_cursor, encode_cursor, read_page_size
from api.principal import caller, checked_purpose
from api.v1.lists import read_instant
from core.errors import InvalidInputError
from governance.policy.types import Action
from governance.services.history import (
    Window,
    ask_changes,
    ask_could_see,
    ask_reads,
    ask_who_could,
)

ACTIONS = [str(each) for each in Action if each is not Action.TRACE]
_AT = OpenApiParameter("at", str, description="an instant (RFC 3339), now if not given")
_PURPOSE = OpenApiParameter("purpose", str, description="that the users would have declared")
_PAGES = [OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)]
_WINDOW = [
    OpenApiParameter("from", str, required=True, description="an instant (RFC 3339)"),
    OpenApiParameter("to", str, description="an instant (RFC 3339), now if not given"),
    OpenApiParameter("user", str, description="only what this user did, or could do"),
    *_PAGES,
]


class QuestionSerializer(serializers.Serializer[Any]):
    """Whether `user` could; `row` holds a row's original values by column, of which none is kept."""

    user = serializers.CharField(max_length=150)
    at = serializers.DateTimeField(required=False)
    action = serializers.ChoiceField(ACTIONS, default=str(Action.READ))
    purpose = serializers.CharField(required=False, max_length=200)
    field = serializers.CharField(required=False, max_length=500)
    row = serializers.DictField(required=False)


class PastAccessView(APIView):
    @extend_schema(
        parameters=[_AT, OpenApiParameter("action", str, enum=ACTIONS), _PURPOSE, *_PAGES],
        responses={200: dict},
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """Who could do `action` (read, if not given) at `at`, and why, as known then and with hindsight."""
        given = request.query_params
        answer = ask_who_could(
            uuid,
            by=caller(request),
            at=read_instant(given["at"], name="at") if "at" in given else None,
            action=_action(given.get("action", str(Action.READ))),
            purpose=checked_purpose(given.get("purpose", "")),
            after=_key(_cursor(request)),
            limit=read_page_size(given.get("page_size")),
        )
        return _paged(answer)


class PastQuestionView(APIView):
    @extend_schema(request=QuestionSerializer, responses={200: dict})
    def post(self, request: Request, uuid: UUID) -> Response:
        """Whether one user could see the dataset, a field of it and a row with these values, and why."""
        body = QuestionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        return Response(
            ask_could_see(
                uuid,
                by=caller(request),
                username=asked["user"],
                at=asked.get("at"),
                action=Action(asked["action"]),
                purpose=checked_purpose(asked.get("purpose", "")),
                field=asked.get("field"),
                row=asked.get("row"),
            )
        )


class PastReadsView(APIView):
    @extend_schema(parameters=_WINDOW, responses={200: dict})
    def get(self, request: Request, uuid: UUID) -> Response:
        """Who did read the dataset, or was refused, and what they saw, out of the audit log; oldest first."""
        return _paged(ask_reads(uuid, by=caller(request), window=_window(request)))


class PastChangesView(APIView):
    @extend_schema(parameters=_WINDOW, responses={200: dict})
    def get(self, request: Request, uuid: UUID) -> Response:
        """What changed that bears on the dataset, or on what `user` could do with it, and by whom; oldest first."""
        return _paged(ask_changes(uuid, by=caller(request), window=_window(request)))


def _window(request: Request) -> Window:
    given = request.query_params
    if "from" not in given:
        raise InvalidInputError("`from` must say since when")
    return Window(
        since=read_instant(given["from"], name="from"),
        until=read_instant(given["to"], name="to") if "to" in given else None,
        username=given.get("user"),
        after=_cursor(request),
        limit=read_page_size(given.get("page_size")),
    )


def _cursor(request: Request) -> Any:
    cursor = request.query_params.get("cursor")
    return decode_cursor(cursor) if cursor else None


def _key(after: Any) -> int:
    if after is not None and type(after) is not int:
        raise InvalidInputError("`cursor` must be one that a former page gave")
    return after or 0


def _action(raw: str) -> Action:
    if raw not in ACTIONS:
        raise InvalidInputError(f"`action` must be one of {', '.join(ACTIONS)}")
    return Action(raw)


def _paged(answer: Mapping[str, Any]) -> Response:
    """With the place where the list goes on as a cursor."""
    told = {name: value for name, value in answer.items() if name != "next"}
    after = answer["next"]
    return Response({**told, "next_cursor": None if after is None else encode_cursor(after)})
