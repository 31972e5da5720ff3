"""Drafts of changes: simulated, replayed against recorded decisions, published; and what is wrong with the policies in force."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.principal import caller
from governance.models import Simulation, SimulationState
from governance.services.simulations import (
    MAX_DAYS,
    policy_findings,
    publish_simulation,
    require_simulator,
    start_simulation,
)
from governance.simulation.document import json_schema
from governance.simulation.results import tell_result, visible_simulations


class SimulationSerializer(serializers.ModelSerializer[Simulation]):
    class Meta:
        model = Simulation
        fields = [
            "uuid",
            "state",
            "document",
            "days",
            "position",
            "total",
            "error",
            "created_at",
            "finished_at",
            "published_at",
        ]
        read_only_fields = fields


class SimulationResultSerializer(SimulationSerializer):
    result = serializers.SerializerMethodField(
        help_text="counts, largest rows, samples, replay, findings; empty until it is done"
    )

    class Meta(SimulationSerializer.Meta):
        fields = [*SimulationSerializer.Meta.fields, "result"]
        read_only_fields = fields

    @extend_schema_field({"type": "object"})
    def get_result(self, row: Simulation) -> dict[str, Any]:
        return tell_result(row, reader=caller(self.context["request"]))


class NewSimulationSerializer(serializers.Serializer[Any]):
    draft = serializers.DictField(help_text="a draft; its form is at `simulations/schema`")
    days = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=MAX_DAYS,
        help_text="replay the decisions recorded in so many days",
    )
    after = serializers.IntegerField(
        required=False, default=0, min_value=0, help_text="`next` of a result that was cut"
    )


class PublicationSerializer(serializers.Serializer[Any]):
    uuid = serializers.UUIDField()
    state = serializers.ChoiceField(choices=SimulationState.choices)
    facts_changed = serializers.BooleanField(
        help_text="whether facts that the simulation went by had changed by the time of publication"
    )


class FindingSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["dead", "shadowed", "conflicting"])
    policy = serializers.CharField()
    others = serializers.ListField(child=serializers.CharField())
    evidence = serializers.CharField()


class SimulationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Simulation]
):
    """The caller's simulations. The answer is about datasets on which the caller may approve, and no others."""

    serializer_class = SimulationSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[Simulation]:
        if getattr(self, "swagger_fake_view", False):
            return Simulation.objects.none()
        principal = caller(self.request)
        require_simulator(principal)
        rows: QuerySet[Simulation] = visible_simulations(principal)
        return rows

    @extend_schema(responses=SimulationResultSerializer)
    def retrieve(self, request: Request, uuid: str) -> Response:
        """One simulation with its result, or how far it has come."""
        del uuid
        return Response(self._told(self.get_object(), request))

    @extend_schema(
        request=NewSimulationSerializer,
        responses={201: SimulationResultSerializer, 202: SimulationResultSerializer},
    )
    def create(self, request: Request) -> Response:
        """Simulate a draft: 201 with the result, or 202 where a worker goes on with it."""
        body = NewSimulationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        row = start_simulation(
            wanted["draft"], by=caller(request), days=wanted["days"], after=wanted["after"]
        )
        waits = row.state == SimulationState.WAITING
        code = status.HTTP_202_ACCEPTED if waits else status.HTTP_201_CREATED
        return Response(self._told(row, request), code)

    @extend_schema(responses={200: dict})
    @action(detail=False, pagination_class=None, url_path="schema")
    def document_schema(self, request: Request) -> Response:
        """The JSON Schema of a draft."""
        del request
        return Response(json_schema())

    @extend_schema(request=None, responses=PublicationSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, uuid: str) -> Response:
        """Make the simulated changes, all or none."""
        del uuid
        done = publish_simulation(self.get_object(), by=caller(request))
        told = {
            "uuid": done.simulation.uuid,
            "state": done.simulation.state,
            "facts_changed": done.facts_changed,
        }
        return Response(PublicationSerializer(told).data)

    def _told(self, row: Simulation, request: Request) -> Any:
        return SimulationResultSerializer(row, context={"request": request}).data


class PolicyFindingsView(APIView):
    """Dead, shadowed and conflicting policies in force, of those that the caller may write."""

    @extend_schema(operation_id="policy_findings_list", responses=FindingSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(FindingSerializer(policy_findings(caller(request)), many=True).data)
