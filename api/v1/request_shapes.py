"""Access requests as JSON."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from governance.models import AccessRequest, RequestOffer, RequestVote

SECONDS_A_YEAR = 366 * 24 * 3600
SECONDS_A_MONTH = 30 * 24 * 3600
MAX_COLUMNS = 5000
MAX_FILTER = 4096
MAX_TEXT = 2000


def as_seconds(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


class VoteSerializer(serializers.ModelSerializer[RequestVote]):
    by = serializers.CharField(source="by.username", read_only=True)
    in_name_of = serializers.CharField(source="in_name_of.username", read_only=True)

    class Meta:
        model = RequestVote
        fields = ["stage", "by", "in_name_of", "agrees", "comment", "at"]
        read_only_fields = fields


class RequestOfferSerializer(serializers.ModelSerializer[RequestOffer]):
    by = serializers.CharField(source="by.username", read_only=True)
    duration_seconds = serializers.SerializerMethodField()

    class Meta:
        model = RequestOffer
        fields = [
            "by",
            "columns",
            "row_filter",
            "duration_seconds",
            "comment",
            "made_at",
            "answered_at",
            "accepted",
        ]
        read_only_fields = fields

    def get_duration_seconds(self, row: RequestOffer) -> int:
        return int(row.duration.total_seconds())


class AccessRequestSerializer(serializers.ModelSerializer[AccessRequest]):
    dataset = serializers.UUIDField(source="dataset.uuid", read_only=True)
    dataset_name = serializers.CharField(source="dataset.name", read_only=True)
    requester = serializers.CharField(source="requester.username", read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", read_only=True, allow_null=True, default=None
    )
    duration_seconds = serializers.SerializerMethodField()
    extends = serializers.UUIDField(
        source="extends.uuid", read_only=True, allow_null=True, default=None
    )
    stages = serializers.SerializerMethodField()
    votes = VoteSerializer(many=True, read_only=True)
    offers = RequestOfferSerializer(many=True, read_only=True)

    class Meta:
        model = AccessRequest
        fields = [
            "uuid",
            "dataset",
            "dataset_name",
            "requester",
            "purpose",
            "columns",
            "row_filter",
            "duration_seconds",
            "state",
            "stages",
            "votes",
            "offers",
            "extends",
            "created_at",
            "decided_at",
            "decided_by",
            "decision_comment",
            "expires_at",
        ]
        read_only_fields = fields

    def get_duration_seconds(self, row: AccessRequest) -> int:
        return int(row.duration.total_seconds())

    def get_stages(self, row: AccessRequest) -> list[dict[str, Any]]:
        """Who is asked, in which order: `after` is the number of the stage that comes before."""
        return [
            {
                "number": stage.number,
                "by": str(stage.kind),
                "group": stage.group or None,
                "needed": stage.needed,
                "after": stage.after,
                "automatic": stage.passed,
                "rule": stage.rule or None,
            }
            for stage in row.plan.stages
        ]


class NewAccessRequestSerializer(serializers.Serializer[Any]):
    """One of `dataset` and `invitation`."""

    dataset = serializers.UUIDField(required=False)
    invitation = serializers.CharField(required=False, max_length=1000)
    purpose = serializers.CharField(max_length=MAX_TEXT)
    columns = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_COLUMNS,
        help_text="fields wanted; null: all",
    )
    row_filter = serializers.CharField(required=False, allow_null=True, max_length=MAX_FILTER)
    duration_seconds = serializers.IntegerField(min_value=1, max_value=SECONDS_A_YEAR)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("dataset" in attrs) == ("invitation" in attrs):
            raise serializers.ValidationError("give one of `dataset` and `invitation`")
        return attrs


class CommentSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_TEXT
    )


class ReasonSerializer(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=MAX_TEXT)


class OfferSerializer(CommentSerializer):
    """At least one of the three; what is left out stays as it was asked."""

    columns = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_COLUMNS,
        help_text="some of those that were asked for",
    )
    row_filter = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=MAX_FILTER,
        help_text="must hold as well as what was asked",
    )
    duration_seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=SECONDS_A_YEAR, help_text="at most what was asked"
    )


class AnswerSerializer(serializers.Serializer[Any]):
    accept = serializers.BooleanField()


class ExtensionSerializer(serializers.Serializer[Any]):
    duration_seconds = serializers.IntegerField(min_value=1, max_value=SECONDS_A_YEAR)
    purpose = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_TEXT
    )


class NewInvitationSerializer(serializers.Serializer[Any]):
    dataset = serializers.UUIDField()
    lifetime_seconds = serializers.IntegerField(min_value=1, max_value=SECONDS_A_MONTH)


class InvitationSerializer(serializers.Serializer[Any]):
    invitation = serializers.CharField()
    url = serializers.CharField()


class InvitedSerializer(serializers.Serializer[Any]):
    dataset_name = serializers.CharField()
    expires_at = serializers.DateTimeField()


class LabelSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())


class OpenedColumnSerializer(serializers.Serializer[Any]):
    """Rows are SQL; an empty text is all rows, null none."""

    name = serializers.CharField()
    type = serializers.CharField()
    labels = LabelSerializer(many=True)
    today = serializers.BooleanField()
    mask = serializers.CharField()
    rows_today = serializers.CharField(allow_null=True)
    rows_after = serializers.CharField(allow_null=True)
    mask_after = serializers.CharField()
    opens = serializers.CharField(allow_null=True)


class PrecedentSerializer(serializers.Serializer[Any]):
    request = AccessRequestSerializer()
    alike = serializers.ListField(child=serializers.CharField())


class OpeningSerializer(serializers.Serializer[Any]):
    columns = OpenedColumnSerializer(many=True)
    rows = serializers.CharField()
    missing = serializers.ListField(child=serializers.CharField())
    labels = serializers.ListField(child=serializers.CharField())
    reads_today = serializers.BooleanField()
    rows_today = serializers.CharField()
    reads_after = serializers.BooleanField()
    covered = serializers.ListField(child=serializers.CharField())
    row_count = serializers.IntegerField(allow_null=True, read_only=True, default=None)
    precedents = PrecedentSerializer(many=True, read_only=True, default=list)
