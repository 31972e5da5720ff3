"""Access requests: ask, see, decide."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from api.v1.request_shapes import (
    AccessRequestSerializer,
    AnswerSerializer,
    CommentSerializer,
    ExtensionSerializer,
    InvitationSerializer,
    InvitedSerializer,
    NewAccessRequestSerializer,
    NewInvitationSerializer,
    OfferSerializer,
    OpeningSerializer,
    ReasonSerializer,
    as_seconds,
)
from core.errors import NotFoundError, PermissionDeniedError
from governance.models import AccessRequest
from governance.opening import describe_opening
from governance.policy.types import Action
from governance.precedents import find_precedents
from governance.queries import get_visible_dataset, requests_to_decide, require, visible_requests
from governance.services.requests import (
    answer_offer,
    approve_request,
    cancel_request,
    deny_request,
    extend_request,
    make_invitation,
    offer_less,
    open_invitation,
    request_access,
    withdraw_request,
)
from query.counting import count_rows


class AccessRequestViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[AccessRequest]
):
    """The caller's own requests, and those that the caller may decide. `?state=` and `?inbox=1` narrow the list."""

    serializer_class = AccessRequestSerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[AccessRequest]:
        if getattr(self, "swagger_fake_view", False):
            return AccessRequest.objects.none()
        principal, given = caller(self.request), self.request.query_params
        if given.get("inbox") == "1":
            rows = requests_to_decide(principal)
        else:
            rows = visible_requests(principal)
            rows = rows.filter(state=given["state"]) if given.get("state") else rows
        return rows.prefetch_related("votes__by", "votes__in_name_of", "offers__by")

    @extend_schema(request=NewAccessRequestSerializer, responses={201: AccessRequestSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a dataset that one may discover, or was invited to ask for."""
        wanted, principal = _read(NewAccessRequestSerializer, request), caller(request)
        invitation = None
        if "invitation" in wanted:
            invitation = open_invitation(wanted["invitation"], by=principal)
            dataset = invitation.dataset
        else:
            dataset = get_visible_dataset(principal, wanted["dataset"])
        row = request_access(
            dataset,
            by=principal,
            purpose=wanted["purpose"],
            duration=timedelta(seconds=wanted["duration_seconds"]),
            row_filter=wanted.get("row_filter"),
            columns=wanted.get("columns"),
            invitation=invitation,
        )
        return Response(AccessRequestSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=CommentSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, uuid: str) -> Response:
        """Agree; the last agreement that is needed makes the grant."""
        comment = _read(CommentSerializer, request)["comment"]
        return self._said(approve_request(self._asked(uuid), by=caller(request), comment=comment))

    @extend_schema(request=ReasonSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def deny(self, request: Request, uuid: str) -> Response:
        """Refuse: that ends the request."""
        comment = _read(ReasonSerializer, request)["comment"]
        return self._said(deny_request(self._asked(uuid), by=caller(request), comment=comment))

    @extend_schema(request=OfferSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def offer(self, request: Request, uuid: str) -> Response:
        """Offer less than was asked; it counts as agreement once the requester accepts."""
        body = _read(OfferSerializer, request)
        row = offer_less(
            self._asked(uuid),
            by=caller(request),
            columns=body.get("columns"),
            row_filter=body.get("row_filter"),
            duration=as_seconds(body.get("duration_seconds")),
            comment=body["comment"],
        )
        return self._said(row)

    @extend_schema(request=AnswerSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, uuid: str) -> Response:
        """Accept what was offered, or decline it: then those in charge decide about what was asked."""
        accept = _read(AnswerSerializer, request)["accept"]
        return self._said(answer_offer(self._asked(uuid), by=caller(request), accept=accept))

    @extend_schema(request=None, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, uuid: str) -> Response:
        """Take one's own open request back."""
        return self._said(withdraw_request(self._asked(uuid), by=caller(request)))

    @extend_schema(request=ReasonSerializer, responses=AccessRequestSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, uuid: str) -> Response:
        """End an open request without a decision, as somebody who may approve there."""
        comment = _read(ReasonSerializer, request)["comment"]
        return self._said(cancel_request(self._asked(uuid), by=caller(request), comment=comment))

    @extend_schema(request=ExtensionSerializer, responses={201: AccessRequestSerializer})
    @action(detail=True, methods=["post"])
    def extend(self, request: Request, uuid: str) -> Response:
        """Ask for the same cells for longer, before the grant ends: a request of its own."""
        body = _read(ExtensionSerializer, request)
        row = extend_request(
            self._asked(uuid),
            by=caller(request),
            duration=timedelta(seconds=body["duration_seconds"]),
            purpose=body["purpose"],
        )
        return Response(AccessRequestSerializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[OpenApiParameter("counts", type=bool, required=False)],
        responses=OpeningSerializer,
    )
    @action(detail=True, methods=["get"])
    def opening(self, request: Request, uuid: str) -> Response:
        """For those who may approve: the cells that would open, what covers them, and earlier decisions alike.

        `?counts=1` counts the rows as well, where the caller reads them all: a governed read of theirs.
        """
        asked, principal = self._asked(uuid), caller(request)
        require(principal, Action.APPROVE, asked.dataset)
        document = OpeningSerializer(describe_opening(asked, viewer=principal)).data
        found = find_precedents(asked, viewer=principal)
        rows = self._count(request, asked) if request.query_params.get("counts") == "1" else None
        alike = [
            {"request": AccessRequestSerializer(each.request).data, "alike": list(each.alike)}
            for each in found
        ]
        return Response({**document, "row_count": rows, "precedents": alike})

    @extend_schema(request=NewInvitationSerializer, responses={201: InvitationSerializer})
    @action(detail=False, methods=["post"], url_path="invitations")
    def invite(self, request: Request) -> Response:
        """A link for somebody who cannot discover the dataset; for those who may approve there."""
        wanted, principal = _read(NewInvitationSerializer, request), caller(request)
        text = make_invitation(
            get_visible_dataset(principal, wanted["dataset"]),
            by=principal,
            lifetime=timedelta(seconds=wanted["lifetime_seconds"]),
        )
        url = request.build_absolute_uri(reverse("web:request-invited", args=[text]))
        return Response({"invitation": text, "url": url}, status.HTTP_201_CREATED)

    @extend_schema(responses=InvitedSerializer)
    @action(detail=False, methods=["get"], url_path="invitations/(?P<invitation>[^/]+)")
    def invited(self, request: Request, invitation: str) -> Response:
        """What one is invited to ask for: its name, and nothing else."""
        found = open_invitation(invitation, by=caller(request))
        return Response({"dataset_name": found.dataset.name, "expires_at": found.expires_at})

    def _asked(self, uuid: str) -> AccessRequest:
        del uuid  # the view knows it
        return self.get_object()

    def _said(self, row: AccessRequest) -> Response:
        return Response(AccessRequestSerializer(row).data)

    def _count(self, request: Request, asked: AccessRequest) -> int | None:
        scopes = getattr(request.auth, "scopes", None)
        try:
            return count_rows(
                user=request.user,  # type: ignore[arg-type]
                dataset=asked.dataset,
                where=asked.terms().row_filter,
                scopes=scopes,
            )
        except (NotFoundError, PermissionDeniedError):
            return None


def _read(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    found: dict[str, Any] = body.validated_data
    return found
