"""Events for other systems: CloudEvents 1.0 in JSON, signed after Standard Webhooks, sent from an outbox.

An event is written in the transaction of what it tells of and sent after it, at least once; `webhook-id` stays the same,
so that a receiver can tell what it had already.
"""

import base64
import hashlib
import hmac
import http.client
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from core import audit, outbound
from core.clock import utc_now
from core.errors import ConflictError, InvalidInputError
from core.ids import uuid7
from core.jobs import enqueue
from core.sealing import seal, unseal
from governance.models import AccessRequest, DeliveryState, WebhookDelivery, WebhookEndpoint
from governance.policy.types import Principal
from governance.vocabulary import require_administrator

log = structlog.get_logger(__name__)
SEALED_FOR = "webhook"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of Standard Webhooks
SECRET_BYTES = 32
MAX_TYPES = 50
_TYPE = re.compile(r"\A[a-z0-9_.]{0,100}\*?\Z")
EVENT_PREFIX = "lakewarden."
TEST_TYPE = f"{EVENT_PREFIX}webhook.test"
# How long a former secret signs beside the new one.
OVERLAP = timedelta(hours=24)
# Seconds before each further attempt, as Standard Webhooks suggests; after the last the delivery is dead.
BACKOFF = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
BATCH = 20
# A worker that dies while it sends holds its rows no longer than this; above BATCH calls that all time out.
LEASE = timedelta(seconds=BATCH * (outbound.TIMEOUT + outbound.LONGEST))


def emit_request_event(row: AccessRequest, *, step: str) -> None:
    """Tell of a step of a request: its ids and its state, no names and no purpose."""
    data = {"request": str(row.uuid), "dataset": str(row.dataset.uuid), "state": str(row.state)}
    emit(f"{EVENT_PREFIX}access_request.{step}", subject=str(row.uuid), data=data)


def emit(kind: str, *, subject: str, data: dict[str, Any]) -> None:
    """Put an event into the outbox of each endpoint that wants its kind, in the caller's transaction."""
    endpoints = [
        each for each in WebhookEndpoint.objects.filter(is_active=True) if wants(each.types, kind)
    ]
    if not endpoints:
        return
    event = _event(kind, subject=subject, data=data)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(endpoint=each, event=event) for each in endpoints
    )
    enqueue("governance.deliver_webhooks")


def _event(kind: str, *, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid7()),
        "source": settings.LAKEWARDEN.url.geturl(),
        "type": kind,
        "subject": subject,
        "time": utc_now().isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def wants(types: Sequence[str], kind: str) -> bool:
    """Whether one of `types` is this kind, or a beginning of it that ends in `*`."""
    return any(kind.startswith(each[:-1]) if each.endswith("*") else kind == each for each in types)


@transaction.atomic
def register_endpoint(
    *, by: Principal, url: str, types: Sequence[str]
) -> tuple[WebhookEndpoint, str]:
    """The new endpoint and its secret, which is shown this once. Administrators may.

    Raises PermissionDeniedError, and InvalidInputError for an address that is not called.
    """
    require_administrator(by)
    outbound.check_destination(url, named=settings.LAKEWARDEN.webhook_hosts)
    if not 1 <= len(types) <= MAX_TYPES or not all(_TYPE.match(each) and each for each in types):
        raise InvalidInputError(
            f"`types` must be 1 to {MAX_TYPES} types such as `{EVENT_PREFIX}access_request.*`"
        )
    secret = _new_secret()
    row = WebhookEndpoint.objects.create(
        url=url, types=list(types), secret=seal(secret, use=SEALED_FOR), created_by_id=by.id
    )
    _audit(row, by=by, verb="register")
    return row, secret


@transaction.atomic
def set_endpoint_active(
    endpoint: WebhookEndpoint, *, by: Principal, is_active: bool
) -> WebhookEndpoint:
    """Let it be called, or no longer. What waits stays in the outbox meanwhile."""
    require_administrator(by)
    endpoint.is_active = is_active
    endpoint.save(update_fields=["is_active"])
    _audit(endpoint, by=by, verb="activate" if is_active else "deactivate")
    return endpoint


@transaction.atomic
def rotate_secret(endpoint: WebhookEndpoint, *, by: Principal) -> str:
    """The new secret, shown this once. For OVERLAP each event is signed with the former one too, so that none is refused."""
    require_administrator(by)
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = _new_secret()
    row.former_secret, row.former_until = row.secret, utc_now() + OVERLAP
    row.secret = seal(secret, use=SEALED_FOR)
    row.save(update_fields=["secret", "former_secret", "former_until"])
    _audit(row, by=by, verb="rotate-secret")
    return secret


def send_test(endpoint: WebhookEndpoint, *, by: Principal) -> WebhookDelivery:
    """Send an event of the type TEST_TYPE now, whatever types the endpoint takes; the delivery with what became of it.

    It is sent once: what fails is not tried again by itself.
    """
    require_administrator(by)
    with transaction.atomic():
        _audit(endpoint, by=by, verb="test")
        row = WebhookDelivery.objects.create(
            endpoint=endpoint,
            event=_event(TEST_TYPE, subject=str(endpoint.uuid), data={}),
            state=DeliveryState.DEAD,
            attempts=1,
        )
    row.last_status, row.last_error = _send(row)
    if not row.last_error:
        row.state, row.delivered_at = DeliveryState.DELIVERED, utc_now()
    row.save(update_fields=["state", "delivered_at", "last_status", "last_error"])
    return row


def retry_dead(*, by: Principal, endpoint: WebhookEndpoint | None = None) -> int:
    """Send all that was given up again, of one endpoint or of all; returns how many."""
    require_administrator(by)
    rows = WebhookDelivery.objects.filter(state=DeliveryState.DEAD).exclude(event__type=TEST_TYPE)
    if endpoint is not None:
        rows = rows.filter(endpoint=endpoint)
    total = 0
    for row in rows.order_by("pk"):
        redeliver(row, by=by)
        total += 1
    return total


@transaction.atomic
def remove_endpoint(endpoint: WebhookEndpoint, *, by: Principal) -> None:
    """Forget it, with what was to be sent to it."""
    require_administrator(by)
    _audit(endpoint, by=by, verb="remove")
    endpoint.delete()


@transaction.atomic
def redeliver(delivery: WebhookDelivery, *, by: Principal) -> WebhookDelivery:
    """Send it again from now on, with the same id. ConflictError while it waits already."""
    require_administrator(by)
    row = WebhookDelivery.objects.select_for_update().get(pk=delivery.pk)
    if row.state == DeliveryState.WAITING:
        raise ConflictError("the delivery waits already", state=str(row.state))
    row.state, row.attempts, row.next_attempt_at = DeliveryState.WAITING, 0, utc_now()
    row.save(update_fields=["state", "attempts", "next_attempt_at"])
    audit.record(
        actor=by.username,
        action="webhook.redeliver",
        resource=f"webhook:{row.endpoint_id}",
        payload={"delivery": str(row.uuid)},
    )
    enqueue("governance.deliver_webhooks")
    return row


def deliver_webhooks(*, now: datetime | None = None) -> int:
    """Send what is due, at most one batch; returns how many were delivered."""
    return sum(_deliver(row) for row in _claim(now or utc_now()))


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of Standard Webhooks: version 1, HMAC-SHA256 of id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


@transaction.atomic
def _claim(now: datetime) -> list[WebhookDelivery]:
    due = WebhookDelivery.objects.filter(
        state=DeliveryState.WAITING, next_attempt_at__lte=now, endpoint__is_active=True
    )
    rows = list(
        due.select_for_update(skip_locked=True, of=("self",))
        .select_related("endpoint")
        .order_by("next_attempt_at", "pk")[:BATCH]
    )
    WebhookDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        next_attempt_at=now + LEASE, attempts=F("attempts") + 1
    )
    for row in rows:
        row.attempts += 1
    return rows


def _deliver(row: WebhookDelivery) -> bool:
    status, problem = _send(row)
    row.last_status, row.last_error = status, problem
    if not problem:
        row.state, row.delivered_at = DeliveryState.DELIVERED, utc_now()
    elif row.attempts > len(BACKOFF):
        row.state = DeliveryState.DEAD
        log.warning("webhook is given up", delivery=str(row.uuid), problem=problem)
    else:
        row.next_attempt_at = utc_now() + timedelta(seconds=BACKOFF[row.attempts - 1])
    row.save(
        update_fields=["state", "delivered_at", "last_status", "last_error", "next_attempt_at"]
    )
    return not problem


def _send(row: WebhookDelivery) -> tuple[int | None, str]:
    """The status of the answer if one came, and what went wrong, empty for nothing."""
    secrets_in_use = _secrets_of(row.endpoint)
    if not secrets_in_use:
        return None, "the secret was sealed by another key: register the endpoint anew"
    body = orjson.dumps(row.event)
    moment = int(utc_now().timestamp())
    headers = {
        "content-type": "application/cloudevents+json",
        "user-agent": "lakewarden",
        "webhook-id": str(row.uuid),
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(
            sign(each, message_id=str(row.uuid), timestamp=moment, body=body)
            for each in secrets_in_use
        ),
    }
    try:
        status = outbound.post(
            row.endpoint.url, body=body, headers=headers, named=settings.LAKEWARDEN.webhook_hosts
        )
    except outbound.RefusedAddressError as error:
        return None, error.message
    except (OSError, http.client.HTTPException) as error:
        return None, f"no answer: {type(error).__name__}"
    is_good = 200 <= status < 300  # noqa: PLR2004 - the class of success, RFC 9110
    return status, "" if is_good else f"answered {status}"


def _secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """The secret, and the one before it while both hold; empty where another key sealed it."""
    current = unseal(bytes(endpoint.secret), use=SEALED_FOR)
    if current is None:
        return []
    if endpoint.former_until is None or endpoint.former_until <= utc_now():
        return [current]
    former = unseal(bytes(endpoint.former_secret or b""), use=SEALED_FOR)
    return [current] if former is None else [current, former]


def _audit(row: WebhookEndpoint, *, by: Principal, verb: str) -> None:
    audit.record(
        actor=by.username,
        action=f"webhook.{verb}",
        resource=f"webhook:{row.pk}",
        payload={"url": row.url, "types": row.types},
    )
