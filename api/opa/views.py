"""The five endpoints that Trino's OPA plugin is configured with."""

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.iceberg.requests import Caller
from api.opa.questions import (
    EngineAuthentication,
    Question,
    TrinoColumn,
    TrinoTable,
    read_question,
)
from api.opa.rights import Rights
from api.opa.tables import HIDDEN, NO_ROWS, Expression, salt_of, tells_of_files
from governance.queries import principal_of
from identity.models import User

_INPUT = inline_serializer("OpaQuestion", {"input": serializers.DictField()})
_EXPRESSION: dict[str, serializers.Field[Any, Any, Any, Any]] = {
    "expression": serializers.CharField(),
    "identity": serializers.CharField(required=False),
}


def _answer_of(
    name: str, result: serializers.Field[Any, Any, Any, Any]
) -> serializers.Serializer[Any]:
    return inline_serializer(name, {"result": result})


class _QuestionView(APIView):
    """A question of Trino's, with the rights of the user that it names."""

    authentication_classes = [EngineAuthentication]

    def ask(self, request: Request) -> tuple[Question, Rights | None]:
        """The question and its user's rights; None for a user that we do not have or that is not active."""
        question = read_question(request.data)
        engine: User = request.user  # type: ignore[assignment]
        user = User.objects.filter(username=question.user, is_active=True).first()
        if user is None:
            return question, None
        principal = principal_of(user, purpose=question.purpose)
        return question, Rights(Caller(user, principal), engine=engine)


class AllowView(_QuestionView):
    """Whether the user may do one operation (`opa.policy.uri`); what is not known is denied."""

    @extend_schema(request=_INPUT, responses=_answer_of("OpaAllow", serializers.BooleanField()))
    def post(self, request: Request) -> Response:
        question, rights = self.ask(request)
        action = question.action
        if rights is None:
            return Response({"result": False})
        allowed = rights.allows(action.operation, action.resource, target=action.target_resource)
        if action.operation == "SelectFromColumns" and action.resource.table is not None:
            rights.record_select(
                action.resource.table, allowed=allowed, query_id=question.context.query_id
            )
        return Response({"result": allowed})


class BatchView(_QuestionView):
    """Which of the named things the user may see (`opa.policy.batched-uri`), by their places in the question."""

    @extend_schema(
        request=_INPUT,
        responses=_answer_of("OpaBatch", serializers.ListField(child=serializers.IntegerField())),
    )
    def post(self, request: Request) -> Response:
        question, rights = self.ask(request)
        return Response({"result": [] if rights is None else _filtered(rights, question)})


class RowFiltersView(_QuestionView):
    """The conditions that rows of a table must meet (`opa.policy.row-filters-uri`), in Trino's SQL."""

    @extend_schema(
        request=_INPUT,
        responses=_answer_of(
            "OpaRowFilters",
            serializers.ListField(child=inline_serializer("OpaRowFilter", _EXPRESSION)),
        ),
    )
    def post(self, request: Request) -> Response:
        question, rights = self.ask(request)
        table = question.action.resource.table
        if rights is None or table is None:
            return Response({"result": [NO_ROWS]})
        return Response({"result": _row_filters(rights, table)})


class ColumnMaskView(_QuestionView):
    """What stands in place of one column (`opa.policy.column-masking-uri`); null is the column itself."""

    @extend_schema(
        request=_INPUT,
        responses=_answer_of(
            "OpaColumnMask", inline_serializer("OpaMask", _EXPRESSION, allow_null=True)
        ),
    )
    def post(self, request: Request) -> Response:
        question, rights = self.ask(request)
        salt = salt_of(question.context.query_id)
        return Response({"result": _mask(rights, question.action.resource.column, salt=salt)})


class BatchColumnMasksView(_QuestionView):
    """The same for many columns at once (`opa.policy.batch-column-masking-uri`), all from one decision a table."""

    @extend_schema(
        request=_INPUT,
        responses=_answer_of(
            "OpaBatchColumnMasks",
            serializers.ListField(
                child=inline_serializer(
                    "OpaIndexedMask",
                    {
                        "index": serializers.IntegerField(),
                        "viewExpression": inline_serializer("OpaViewExpression", _EXPRESSION),
                    },
                )
            ),
        ),
    )
    def post(self, request: Request) -> Response:
        question, rights = self.ask(request)
        salt = salt_of(question.context.query_id)
        columns = [resource.column for resource in question.action.filter_resources]
        masks = enumerate(_mask(rights, column, salt=salt) for column in columns)
        found = [{"index": place, "viewExpression": mask} for place, mask in masks if mask]
        return Response({"result": found})


def _filtered(rights: Rights, question: Question) -> list[int]:
    action = question.action
    resources = action.filter_resources
    # The columns of one table come as one resource, and the answer counts them instead.
    if action.operation == "FilterColumns":
        table = resources[0].table if len(resources) == 1 else None
        return [] if table is None else rights.columns_shown(table)
    return [
        place
        for place, resource in enumerate(resources)
        if rights.allows(action.operation, resource)
    ]


def _row_filters(rights: Rights, table: TrinoTable) -> list[Expression]:
    if rights.needs_no_restriction(table):
        return []
    read = rights.read_of(table)
    if read is None or tells_of_files(table):
        return [NO_ROWS]
    found = read.row_filter(engine=rights.engine.username)
    return [] if found is None else [found]


def _mask(rights: Rights | None, column: TrinoColumn | None, *, salt: bytes) -> Expression | None:
    if rights is None or column is None:
        return HIDDEN
    if rights.needs_no_restriction(column.table):
        return None
    read = rights.read_of(column.table)
    if read is None or tells_of_files(column.table):
        return HIDDEN
    return read.mask(column.column_name, salt=salt, engine=rights.engine.username)
