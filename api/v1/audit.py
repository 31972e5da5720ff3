"""The audit log: read by those who administer, proven to anybody who keeps a checkpoint."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.auditing.body import Told
from governance.auditing.reading import read_record, read_records, records_by, records_of
from governance.models import AuditRecord
from governance.services.audit_subjects import erase_audit_subject, is_auditor
from governance.verification import verify
from identity.models import ApiToken, User
from identity.models.token import Scope


class IsAuditor(BasePermission):
    """Superusers and members of the group `auditors`; with a token, one that has the scope `read`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        if isinstance(request.auth, ApiToken) and not {Scope.READ, Scope.ADMIN} & set(
            request.auth.scopes
        ):
            return False
        user = request.user
        return isinstance(user, User) and is_auditor(user)


class AuditRecordListSerializer(serializers.ListSerializer[AuditRecord]):
    """Reads names and payloads of a whole page at once."""

    def to_representation(self, data: Any) -> list[Any]:
        rows = list(data)
        for row, told in zip(rows, read_records(rows), strict=True):
            row.told = told
        return super().to_representation(rows)


class AuditRecordSerializer(serializers.ModelSerializer[AuditRecord]):
    """`payload` is null where the key of a person whom the record tells of was erased."""

    actor = serializers.SerializerMethodField()
    resource = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()
    leaf_hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditRecord
        list_serializer_class = AuditRecordListSerializer
        fields = ["id", "sequence", "at", "actor", "action", "resource", "payload", "leaf_hash"]
        read_only_fields = fields

    def get_actor(self, row: AuditRecord) -> str:
        return _told(row).actor

    def get_resource(self, row: AuditRecord) -> str:
        return _told(row).resource

    def get_payload(self, row: AuditRecord) -> dict[str, Any] | None:
        return _told(row).payload

    def get_leaf_hash(self, row: AuditRecord) -> str:
        return bytes(row.leaf_hash).hex()


def _told(row: Any) -> Told:
    if not hasattr(row, "told"):
        row.told = read_record(row)
    told: Told = row.told
    return told


class AuditRecordViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[AuditRecord]):
    """Newest first. `?actor=`, `?action=` and `?resource=` narrow the list."""

    permission_classes = [IsAuditor]
    serializer_class = AuditRecordSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[AuditRecord]:
        given, rows = self.request.query_params, AuditRecord.objects.all()
        if "actor" in given:
            rows = records_by(given["actor"], rows)
        if "resource" in given:
            rows = records_of(given["resource"], rows)
        return rows.filter(action=given["action"]) if "action" in given else rows


class AuditVerificationView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """Recompute the whole log and check every signed checkpoint; `holds` is the answer."""
        del request
        result = verify()
        return Response(
            {
                "holds": result.holds,
                "records": result.records,
                "unsealed": result.unsealed,
                "checkpoints": result.checkpoints,
                "findings": [
                    {"sequence": each.sequence, "text": each.text} for each in result.findings
                ],
            }
        )


class ErasureSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=2000)


class AuditErasureView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(request=ErasureSerializer, responses={200: dict})
    def post(self, request: Request) -> Response:
        """Erase a person's name and key from the log, for good; every proof holds on.

        `plain_records` counts records from before names were encrypted: they keep the name.
        """
        body = ErasureSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        done = erase_audit_subject(by=cast("User", request.user), **body.validated_data)
        return Response(
            {
                "pseudonyms": done.pseudonyms,
                "erased_at": done.erased_at,
                "plain_records": done.plain_records,
            }
        )
