"""Campaigns of re-certification: hold them, decide about what waits, take the report."""

from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from api.v1.request_shapes import MAX_COLUMNS, CommentSerializer, ReasonSerializer
from core.errors import InvalidInputError
from governance.approval.rules import Kind
from governance.campaigns import (
    ItemView,
    describe_items,
    get_item,
    items_of,
    items_to_certify,
    visible_campaigns,
)
from governance.certification.states import ItemState, Undecided
from governance.models import Campaign, CampaignItem
from governance.services.campaigns import (
    cancel_campaign,
    close_campaign,
    create_campaign,
    keep_grant,
    narrow_to,
    open_campaign,
    report_lines,
    revoke_certified,
)
from governance.services.campaigns.begin import (
    MAX_AGE,
    MAX_DAYS,
    MAX_LABELS,
    MAX_MONTHS,
    MAX_NAME,
)
from governance.services.campaigns.report import FORMS


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )
    previous = serializers.UUIDField(
        source="previous.uuid", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Campaign
        fields = [
            "uuid",
            "name",
            "domain",
            "labels",
            "older_than_days",
            "unused_for_days",
            "reviewer",
            "reviewer_group",
            "days",
            "undecided",
            "grace_days",
            "remind_days",
            "every_months",
            "state",
            "opens_at",
            "opened_at",
            "due_at",
            "closed_at",
            "created_at",
            "created_by",
            "previous",
        ]
        read_only_fields = fields


class NewCampaignSerializer(serializers.Serializer[Any]):
    """`domain` is a slug: grants on it and below. Without `opens_at` the campaign begins at once."""

    name = serializers.CharField(max_length=MAX_NAME)
    domain = serializers.SlugField(required=False, allow_blank=True, max_length=120)
    labels = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=MAX_LABELS,
        help_text="only what reaches such labels, inherited ones too, such as `pii.*`",
    )
    older_than_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_AGE
    )
    unused_for_days = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_AGE,
        help_text="only grants of `read` without a recorded read for so long",
    )
    reviewer = serializers.ChoiceField([str(each) for each in Kind], required=False)
    reviewer_group = serializers.CharField(required=False, allow_blank=True, max_length=150)
    days = serializers.IntegerField(required=False, min_value=1, max_value=MAX_DAYS)
    undecided = serializers.ChoiceField([str(each) for each in Undecided], required=False)
    grace_days = serializers.IntegerField(required=False, min_value=1, max_value=MAX_DAYS)
    remind_days = serializers.IntegerField(required=False, min_value=1, max_value=MAX_DAYS)
    every_months = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_MONTHS
    )
    opens_at = serializers.DateTimeField(required=False, allow_null=True)


class ReachedColumnSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    is_read = serializers.BooleanField(help_text="handed out in the last 90 days")


class GrantUsageSerializer(serializers.Serializer[Any]):
    last_at = serializers.DateTimeField(allow_null=True)
    reads_30_days = serializers.IntegerField()
    reads_90_days = serializers.IntegerField()
    readers = serializers.IntegerField()


class GrantAdviceSerializer(serializers.Serializer[Any]):
    advice = serializers.CharField(help_text="keep, narrow, revoke, or empty for none")
    reasons = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(
        child=serializers.CharField(), help_text="those to leave, where it is to narrow"
    )


class CampaignItemSerializer(serializers.Serializer[Any]):
    """One grant, with what is known of its use."""

    uuid = serializers.UUIDField()
    campaign = serializers.UUIDField()
    campaign_name = serializers.CharField()
    grant = serializers.UUIDField()
    holder = serializers.CharField(help_text="`user:NAME` or `group:NAME`")
    target = serializers.CharField()
    action = serializers.CharField()
    row_filter = serializers.CharField(allow_null=True)
    columns = ReachedColumnSerializer(
        many=True, help_text="those that it reaches, of a grant of `read`"
    )
    purpose = serializers.CharField()
    granted_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    state = serializers.ChoiceField([str(each) for each in ItemState])
    usage = GrantUsageSerializer()
    suggestion = GrantAdviceSerializer()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    in_name_of = serializers.CharField(allow_null=True)
    comment = serializers.CharField()
    outcome = serializers.DictField()


class NarrowingSerializer(CommentSerializer):
    """At least one of the two."""

    columns = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_COLUMNS,
        help_text="those to leave",
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="before the end of today's grant"
    )


def tell(view: ItemView) -> dict[str, Any]:
    """An item as CampaignItemSerializer describes it."""
    row, usage = view.item, view.usage
    (holder,) = row.description["subject"].items()
    return {
        "uuid": str(row.uuid),
        "campaign": str(row.campaign.uuid),
        "campaign_name": row.campaign.name,
        "grant": str(row.grant),
        "holder": ":".join(holder),
        "target": view.target,
        "action": row.description["action"],
        "row_filter": row.description["row_filter"] if view.is_shown else None,
        "columns": [
            {"name": name, "labels": list(labels), "is_read": usage.has_read(name)}
            for name, labels in view.columns
        ],
        "purpose": row.description["purpose"],
        "granted_at": row.granted_at,
        "expires_at": row.description["expires_at"],
        "due_at": row.due_at,
        "state": str(row.state),
        "usage": {
            "last_at": usage.last_at,
            "reads_30_days": usage.reads_30,
            "reads_90_days": usage.reads_90,
            "readers": usage.readers,
        },
        "suggestion": {
            "advice": str(view.suggestion.advice),
            "reasons": list(view.suggestion.reasons),
            "columns": list(view.suggestion.columns),
        },
        "decided_at": row.decided_at,
        "decided_by": row.decided_by.get_username() if row.decided_by else None,
        "in_name_of": row.in_name_of.get_username() if row.in_name_of else None,
        "comment": row.comment,
        "outcome": row.outcome if view.is_shown else {},
    }


class CampaignViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Campaign]
):
    """The campaigns that the caller may hold: of the domains that they administer, for administrators all."""

    serializer_class = CampaignSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[Campaign]:
        if getattr(self, "swagger_fake_view", False):
            return Campaign.objects.none()
        return visible_campaigns(caller(self.request)).select_related("previous")

    @extend_schema(request=NewCampaignSerializer, responses={201: CampaignSerializer})
    def create(self, request: Request) -> Response:
        """Begin one, at once or later."""
        body = NewCampaignSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = create_campaign(by=caller(request), **body.validated_data)
        return Response(CampaignSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def open(self, request: Request, uuid: str) -> Response:
        """Begin a planned one now."""
        del uuid
        return Response(
            CampaignSerializer(open_campaign(self.get_object(), by=caller(request))).data
        )

    @extend_schema(request=None, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, uuid: str) -> Response:
        """End it early: a worker revokes what is undecided now, then it is closed."""
        del uuid
        return Response(
            CampaignSerializer(close_campaign(self.get_object(), by=caller(request))).data
        )

    @extend_schema(request=ReasonSerializer, responses=CampaignSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, uuid: str) -> Response:
        """End it, and its series, without a consequence for what is undecided."""
        del uuid
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row = cancel_campaign(self.get_object(), by=caller(request), **body.validated_data)
        return Response(CampaignSerializer(row).data)

    @extend_schema(
        parameters=[OpenApiParameter("state", enum=[str(each) for each in ItemState])],
        responses=CampaignItemSerializer(many=True),
    )
    @action(detail=True, methods=["get"])
    def items(self, request: Request, uuid: str) -> Response:
        """All items that the caller may know of. `?state=` narrows the list."""
        del uuid
        principal = caller(request)
        rows = items_of(self.get_object(), viewer=principal)
        state = request.query_params.get("state")
        if state is not None:
            if state not in list(ItemState):
                raise InvalidInputError(f"`state` must be one of {', '.join(ItemState)}")
            rows = rows.filter(state=state)
        page = self.paginate_queryset(rows)  # type: ignore[arg-type]  # the view is of campaigns
        views = describe_items(page or [], viewer=principal)
        return self.get_paginated_response([tell(each) for each in views])

    @extend_schema(
        parameters=[OpenApiParameter("as", enum=list(FORMS))],
        responses={(200, media): OpenApiTypes.STR for media in FORMS.values()},
    )
    @action(detail=True, methods=["get"])
    def report(self, request: Request, uuid: str) -> StreamingHttpResponse:
        """Every item with what was known and decided, as evidence: NDJSON, or CSV by `?as=csv`."""
        form = request.query_params.get("as", "ndjson")
        if form not in FORMS:
            raise InvalidInputError(f"`as` must be one of {', '.join(FORMS)}")
        lines = report_lines(self.get_object(), by=caller(request), form=form)
        answer = StreamingHttpResponse(lines, content_type=f"{FORMS[form]}; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="campaign-{uuid}.{form}"'
        return answer


class CampaignItemViewSet(viewsets.GenericViewSet[CampaignItem]):
    """The grants that wait for the caller's decision, whose deadline comes first. `?campaign=` narrows the list."""

    serializer_class = CampaignItemSerializer
    lookup_field = "uuid"

    def get_queryset(self) -> QuerySet[CampaignItem]:
        if getattr(self, "swagger_fake_view", False):
            return CampaignItem.objects.none()
        rows = items_to_certify(caller(self.request)).order_by("pk")
        wanted = self.request.query_params.get("campaign")
        if wanted is None:
            return rows
        shape = serializers.UUIDField()
        return rows.filter(campaign__uuid=shape.run_validation(wanted))

    @extend_schema(parameters=[OpenApiParameter("campaign", OpenApiTypes.UUID)])
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        views = describe_items(page or [], viewer=caller(request))
        return self.get_paginated_response([tell(each) for each in views])

    def retrieve(self, request: Request, uuid: str) -> Response:
        return self._told(request, self._item(uuid))

    @extend_schema(request=CommentSerializer, responses=CampaignItemSerializer)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, uuid: str) -> Response:
        """Certify that the grant is needed as it is."""
        body = CommentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._told(
            request, keep_grant(self._item(uuid), by=caller(request), **body.validated_data)
        )

    @extend_schema(request=NarrowingSerializer, responses=CampaignItemSerializer)
    @action(detail=True, methods=["post"])
    def narrow(self, request: Request, uuid: str) -> Response:
        """Leave fewer columns, or an earlier end."""
        body = NarrowingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._told(
            request, narrow_to(self._item(uuid), by=caller(request), **body.validated_data)
        )

    @extend_schema(request=ReasonSerializer, responses=CampaignItemSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, uuid: str) -> Response:
        """Take the grant back."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._told(
            request, revoke_certified(self._item(uuid), by=caller(request), **body.validated_data)
        )

    def _item(self, uuid: str) -> CampaignItem:
        return get_item(caller(self.request), uuid)

    def _told(self, request: Request, row: CampaignItem) -> Response:
        (view,) = describe_items([row], viewer=caller(request))
        return Response(tell(view))
