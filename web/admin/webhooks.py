"""Endpoints of other systems, and what was sent to them."""

from typing import Any

import orjson
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from core.errors import LakewardenError
from governance.models import WebhookDelivery, WebhookEndpoint
from governance.services.webhooks import (
    redeliver,
    register_endpoint,
    remove_endpoint,
    rotate_secret,
    send_test,
    set_endpoint_active,
)
from web.access import viewer_of
from web.admin.base import ReadOnlyMixin, SuperuserAdmin, is_superuser, say


class EndpointForm(forms.ModelForm[WebhookEndpoint]):
    class Meta:
        model = WebhookEndpoint
        fields = ["url", "types"]
        help_texts = {"types": 'Such as ["lakewarden.access_request.*"].'}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(SuperuserAdmin):
    """The secret is shown once, when the endpoint is registered."""

    form = EndpointForm
    list_display = ["url", "types", "is_active", "created_at"]
    actions = ["activate", "deactivate", "rotate", "test"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        del request
        return ["url", "types"] if obj is None else ["url", "types", "is_active", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else self.get_fields(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_write_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: Any) -> None:
        del form, change
        row, secret = register_endpoint(
            by=viewer_of(request).principal, url=obj.url, types=obj.types
        )
        obj.__dict__.update(row.__dict__)
        messages.warning(request, f"Its secret, shown this once: {secret}")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        remove_endpoint(obj, by=viewer_of(request).principal)

    @admin.action(description="Send to the selected endpoints", permissions=["write"])
    def activate(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for row in queryset:
            set_endpoint_active(row, by=viewer_of(request).principal, is_active=True)

    @admin.action(description="Send nothing to the selected endpoints", permissions=["write"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for row in queryset:
            set_endpoint_active(row, by=viewer_of(request).principal, is_active=False)

    @admin.action(description="Give the selected endpoints new secrets", permissions=["write"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for row in queryset:
            secret = rotate_secret(row, by=viewer_of(request).principal)
            messages.warning(request, f"The secret of {row}, shown this once: {secret}")

    @admin.action(description="Send a test to the selected endpoints", permissions=["write"])
    def test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for row in queryset:
            told = send_test(row, by=viewer_of(request).principal)
            messages.info(request, f"{row}: {told.last_error or told.state}")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyMixin, SuperuserAdmin):
    list_display = ["created_at", "endpoint", "kind", "state", "attempts", "last_error"]
    list_filter = ["state"]
    list_select_related = ["endpoint"]
    fields = [
        "uuid",
        "endpoint",
        "body",
        "state",
        "attempts",
        "next_attempt_at",
        "last_status",
        "last_error",
        "created_at",
        "delivered_at",
    ]
    readonly_fields = fields
    actions = ["send_again"]

    @admin.display(description="type")
    def kind(self, delivery: WebhookDelivery) -> str:
        return str(delivery.event.get("type", ""))

    @admin.display(description="event")
    def body(self, delivery: WebhookDelivery) -> str:
        text = orjson.dumps(delivery.event, option=orjson.OPT_INDENT_2).decode()
        return format_html("<pre>{}</pre>", text)

    @admin.action(description="Send the selected deliveries again", permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        for row in queryset:
            try:
                redeliver(row, by=viewer_of(request).principal)
            except LakewardenError as error:
                say(request, error)
