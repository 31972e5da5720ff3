"""Endpoints of other systems, and what was sent to them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.principal import caller
from governance.models import WebhookDelivery, WebhookEndpoint
from governance.services.webhooks import (
    redeliver,
    register_endpoint,
    remove_endpoint,
    rotate_secret,
    send_test,
    set_endpoint_active,
)
from governance.vocabulary import require_administrator


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    class Meta:
        model = WebhookEndpoint
        fields = ["uuid", "url", "types", "is_active", "created_at"]
        read_only_fields = fields


class NewWebhookSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2000)
    types = serializers.ListField(
        child=serializers.CharField(max_length=100), min_length=1, max_length=50
    )


class RegisteredWebhookSerializer(WebhookSerializer):
    """The new endpoint with its secret, which is not shown again."""

    secret = serializers.CharField()

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    endpoint = serializers.UUIDField(source="endpoint.uuid", read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "uuid",
            "endpoint",
            "event",
            "state",
            "attempts",
            "next_attempt_at",
            "last_status",
            "last_error",
            "created_at",
            "delivered_at",
        ]
        read_only_fields = fields


class WebhookViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[WebhookEndpoint]
):
    """Endpoints that are sent events; for administrators."""

    serializer_class = WebhookSerializer
    lookup_field = "uuid"

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        if getattr(self, "swagger_fake_view", False):
            return WebhookEndpoint.objects.none()
        require_administrator(caller(self.request))
        return WebhookEndpoint.objects.order_by("pk")

    @extend_schema(request=NewWebhookSerializer, responses={201: RegisteredWebhookSerializer})
    def create(self, request: Request) -> Response:
        """Register an endpoint; the answer holds its secret, this once."""
        body = NewWebhookSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        row, secret = register_endpoint(by=caller(request), **body.validated_data)
        document = {**WebhookSerializer(row).data, "secret": secret}
        return Response(document, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, uuid: UUID) -> Response:
        """Forget it, with what was to be sent to it."""
        del uuid
        remove_endpoint(self.get_object(), by=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, uuid: UUID) -> Response:
        """Send to it again, what waited included."""
        return self._set_active(request, uuid, is_active=True)

    @extend_schema(request=None, responses=WebhookSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, uuid: UUID) -> Response:
        """Send nothing to it; what waits stays."""
        return self._set_active(request, uuid, is_active=False)

    @extend_schema(request=None, responses=RegisteredWebhookSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, uuid: UUID) -> Response:
        """A new secret, shown this once; for a day events are signed with the former one as well."""
        del uuid
        row = self.get_object()
        secret = rotate_secret(row, by=caller(request))
        return Response({**WebhookSerializer(row).data, "secret": secret})

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, uuid: UUID) -> Response:
        """Send `lakewarden.webhook.test` now, once, and tell what became of it."""
        del uuid
        return Response(DeliverySerializer(send_test(self.get_object(), by=caller(request))).data)

    def _set_active(self, request: Request, uuid: UUID, *, is_active: bool) -> Response:
        del uuid
        row = set_endpoint_active(self.get_object(), by=caller(request), is_active=is_active)
        return Response(WebhookSerializer(row).data)


class WebhookDeliveryViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[WebhookDelivery]
):
    """What was and is to be sent, newest first; for administrators. `?state=` narrows the list."""

    serializer_class = DeliverySerializer
    lookup_field = "uuid"
    newest_first = True

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        if getattr(self, "swagger_fake_view", False):
            return WebhookDelivery.objects.none()
        require_administrator(caller(self.request))
        rows = WebhookDelivery.objects.select_related("endpoint")
        state = self.request.query_params.get("state")
        return rows.filter(state=state) if state else rows

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def redeliver(self, request: Request, uuid: UUID) -> Response:
        """Send it again, with the same id."""
        del uuid
        row = redeliver(self.get_object(), by=caller(request))
        return Response(DeliverySerializer(row).data)
