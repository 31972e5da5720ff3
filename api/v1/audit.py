"""The audit log: read by those who administer, proven to anybody who keeps a checkpoint."""

from typing import Any

import orjson
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidInputError
from governance.models import AuditCheckpoint, AuditRecord
from governance.verification import prove_inclusion, verify
from identity.models import ApiToken
from identity.models.token import Scope

AUDITORS = "auditors"


class IsAuditor(BasePermission):
    """Superusers and members of the group `auditors`; with a token, one that has the scope `read`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        if isinstance(request.auth, ApiToken) and not {Scope.READ, Scope.ADMIN} & set(
            request.auth.scopes
        ):
            return False
        user = request.user
        if not user.is_authenticated:
            return False
        return user.is_superuser or user.groups.filter(name=AUDITORS).exists()


class AuditRecordSerializer(serializers.ModelSerializer[AuditRecord]):
    payload = serializers.SerializerMethodField()
    leaf_hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditRecord
        fields = ["id", "sequence", "at", "actor", "action", "resource", "payload", "leaf_hash"]
        read_only_fields = fields

    def get_payload(self, row: AuditRecord) -> dict[str, Any]:
        payload: dict[str, Any] = orjson.loads(bytes(row.payload))["payload"]
        return payload

    def get_leaf_hash(self, row: AuditRecord) -> str:
        return bytes(row.leaf_hash).hex()


class AuditRecordViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[AuditRecord]):
    """Newest first. `?actor=`, `?action=` and `?resource=` narrow the list."""

    permission_classes = [IsAuditor]
    serializer_class = AuditRecordSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[AuditRecord]:
        names = ("actor", "action", "resource")
        given = self.request.query_params
        return AuditRecord.objects.filter(**{name: given[name] for name in names if name in given})


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


class AuditProofView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(responses={200: dict})
    def get(self, request: Request, sequence: int) -> Response:
        """Proof (RFC 9162 §2.1.3) that the record is in the tree of the newest checkpoint."""
        del request
        proof = prove_inclusion(sequence)
        return Response(
            {
                "sequence": proof.sequence,
                "leaf_hash": proof.leaf.hex(),
                "path": [node.hex() for node in proof.proof],
                "tree_size": proof.tree_size,
                "root_hash": proof.root.hex(),
            }
        )


class AuditCheckpointView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """The newest signed checkpoint, to be kept somewhere else."""
        del request
        last = AuditCheckpoint.objects.order_by("-tree_size").first()
        if last is None:
            raise InvalidInputError("nothing is sealed yet")
        return Response(
            {
                "tree_size": last.tree_size,
                "root_hash": bytes(last.root_hash).hex(),
                "signed_at": last.signed_at,
                "signature": bytes(last.signature).hex(),
                "key_id": last.key_id,
            }
        )
