"""What proves the audit log without trusting this service: checkpoints, keys, proofs, the exported log, the verifier."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.v1.audit import IsAuditor
from api.v1.bulk import NdjsonRenderer
from api.v1.streams import asker
from core.errors import InvalidInputError
from governance.auditing import verify_audit
from governance.auditing.export import EXPORT_MEDIA_TYPE, export_log
from governance.auditing.notes import note_of, verifier_key
from governance.auditing.proofs import find_checkpoint, prove_consistency, prove_inclusion
from governance.models import AuditCheckpoint, AuditSegment
from governance.services.audit_subjects import is_auditor
from governance.signing import key_id, public_key_base64
from identity.models import User

_MAX_PLACE = 1 << 62
# A long stream asks so often whether its reader still may.
_LINES_A_LOOK = 2_000


class CheckpointSerializer(serializers.ModelSerializer[AuditCheckpoint]):
    """`note` is the checkpoint as a signed note (C2SP tlog-checkpoint), for outside witnesses."""

    root_hash = serializers.SerializerMethodField()
    signature = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()

    class Meta:
        model = AuditCheckpoint
        fields = ["tree_size", "root_hash", "signed_at", "signature", "key_id", "note"]
        read_only_fields = fields

    def get_root_hash(self, row: AuditCheckpoint) -> str:
        return bytes(row.root_hash).hex()

    def get_signature(self, row: AuditCheckpoint) -> str:
        return bytes(row.signature).hex()

    def get_note(self, row: AuditCheckpoint) -> str:
        return note_of(row)


class AuditCheckpointViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[AuditCheckpoint]):
    """Every signed checkpoint, newest first."""

    permission_classes = [IsAuditor]
    serializer_class = CheckpointSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[AuditCheckpoint]:
        return AuditCheckpoint.objects.all()


class AuditCheckpointView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(responses=CheckpointSerializer)
    def get(self, request: Request) -> Response:
        """The newest signed checkpoint, to be kept somewhere else."""
        del request
        return Response(CheckpointSerializer(find_checkpoint()).data)


class SegmentSerializer(serializers.ModelSerializer[AuditSegment]):
    """Records `first` to `end - 1`; `written_at` is null while it is only planned."""

    class Meta:
        model = AuditSegment
        fields = ["first", "end", "uri", "sha256", "size", "retained_until", "written_at"]
        read_only_fields = fields


class AuditSegmentViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[AuditSegment]):
    """The copies of the log in the object store of the settings, newest first."""

    permission_classes = [IsAuditor]
    serializer_class = SegmentSerializer
    newest_first = True

    def get_queryset(self) -> QuerySet[AuditSegment]:
        return AuditSegment.objects.all()


class AuditKeyView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """The Ed25519 public key of the checkpoints; `verifier_key` is for tools that read signed notes."""
        del request
        return Response(
            {
                "key_id": key_id(),
                "public_key": public_key_base64(),
                "verifier_key": verifier_key(),
            }
        )


class AuditProofView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(parameters=[OpenApiParameter("tree_size", int)], responses={200: dict})
    def get(self, request: Request, sequence: int) -> Response:
        """Proof (RFC 9162 §2.1.3) that the record is in the tree of a checkpoint, the newest by default."""
        proof = prove_inclusion(sequence, tree_size=_place(request, "tree_size"))
        return Response(
            {
                "sequence": proof.sequence,
                "leaf_hash": proof.leaf.hex(),
                "path": [node.hex() for node in proof.proof],
                "tree_size": proof.tree_size,
                "root_hash": proof.root.hex(),
            }
        )


class AuditConsistencyView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(
        parameters=[OpenApiParameter("from", int, required=True), OpenApiParameter("to", int)],
        responses={200: dict},
    )
    def get(self, request: Request) -> Response:
        """Proof (RFC 9162 §2.1.4) that the log of checkpoint `from` is the beginning of that of `to` (the newest)."""
        old = _place(request, "from")
        if old is None:
            raise InvalidInputError("`from` must be the size of a checkpoint")
        proof = prove_consistency(old, _place(request, "to"))
        return Response(
            {
                "from": {"tree_size": proof.old_size, "root_hash": proof.old_root.hex()},
                "to": {"tree_size": proof.new_size, "root_hash": proof.new_root.hex()},
                "path": [node.hex() for node in proof.proof],
            }
        )


class AuditExportView(APIView):
    permission_classes = [IsAuditor]
    renderer_classes = [NdjsonRenderer, JSONRenderer]

    @extend_schema(
        parameters=[OpenApiParameter("from", int), OpenApiParameter("to", int)],
        responses={(200, EXPORT_MEDIA_TYPE): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The sealed log as NDJSON from record `from` (0) to checkpoint `to` (the newest), for `verify_audit.py`."""
        by = request.user.get_username()
        lines = export_log(by=by, first=_place(request, "from") or 0, end=_place(request, "to"))
        return StreamingHttpResponse(
            _while_allowed(lines, asker(request), request), content_type=EXPORT_MEDIA_TYPE
        )


class AuditVerifierView(APIView):
    permission_classes = [IsAuditor]

    @extend_schema(responses={(200, "text/x-python"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """The stand-alone program that checks an exported log: one file of Python."""
        del request
        source = Path(verify_audit.__file__).read_bytes()
        name = 'attachment; filename="verify_audit.py"'
        return HttpResponse(
            source, content_type="text/x-python", headers={"Content-Disposition": name}
        )


def _while_allowed(
    lines: Iterator[bytes], ask: Callable[[], Any], request: Request
) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if number % _LINES_A_LOOK == 0:
            ask()
            if not (isinstance(request.user, User) and is_auditor(request.user)):
                # The status is sent already: a last line tells that this is not the whole.
                yield orjson.dumps({"problem": "you may no longer read the log"}) + b"\n"
                return
        yield line


def _place(request: Request, name: str) -> int | None:
    raw = request.query_params.get(name)
    if raw is None:
        return None
    if not (raw.isdecimal() and raw.isascii() and int(raw) < _MAX_PLACE):
        raise InvalidInputError(f"`{name}` must be a whole number that is not negative")
    return int(raw)
