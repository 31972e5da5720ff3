"""`POST /api/v1/lineage` and `/api/v1/lineage/batch`: OpenLineage events, answered after commit."""

from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse

from api.openlineage.access import require_sender
from api.openlineage.bodies import read_batch, read_body, read_json
from api.problems import problem_document
from catalog.lineage.events import Event, parse_event
from catalog.services.openlineage import record_together
from core.errors import LakewardenError, UnavailableError

logger = structlog.get_logger(__name__)


def receive_event(request: HttpRequest) -> HttpResponse:
    """Record one event: 201 once it is committed, and for one that was sent before."""
    sender = require_sender(request)
    record_one(read_body(request), sender_id=sender.pk)
    return HttpResponse(status=201)


def receive_batch(request: HttpRequest) -> HttpResponse:
    """Record many events, each by itself, and say which failed and why (OpenLineage.yml, `/lineage/batch`)."""
    sender = require_sender(request)
    answer = record_many(read_body(request), sender_id=sender.pk)
    return HttpResponse(answer, content_type="application/json")


def record_one(raw: bytes, *, sender_id: int) -> None:
    """Record the event in a body. LakewardenError if it is none, or cannot be recorded now."""
    outcome = record_together([(parse_event(read_json(raw)), sender_id)])[0]
    if isinstance(outcome, OperationalError):
        raise UnavailableError("the database does not answer") from outcome
    if outcome is not None:
        raise outcome


def record_many(raw: bytes, *, sender_id: int) -> bytes:
    """Record the events in a body, and answer for each. LakewardenError if the body is no list of events."""
    failures: dict[int, dict[str, Any]] = {}
    readable: list[tuple[int, Event]] = []
    count = 0
    for index, each in enumerate(read_batch(raw)):
        count += 1
        try:
            if isinstance(each, LakewardenError):
                raise each
            readable.append((index, parse_event(each)))
        except LakewardenError as error:
            failures[index] = _failure(error, index=index, retriable=False)
    outcomes = record_together([(event, sender_id) for _, event in readable])
    for (index, _), outcome in zip(readable, outcomes, strict=True):
        if outcome is not None:
            logger.error("an event of a batch was not recorded", index=index, exc_info=outcome)
            refusal = UnavailableError("the database refused")
            retriable = not isinstance(outcome, DataError)
            failures[index] = _failure(refusal, index=index, retriable=retriable)
    return orjson.dumps(_answer([failures[index] for index in sorted(failures)], count=count))


def _answer(failures: Sequence[dict[str, Any]], *, count: int) -> dict[str, Any]:
    retriable = sum(failure["retriable"] for failure in failures)
    return {
        "status": "partial_success" if failures else "success",
        "summary": {
            "received": count,
            "successful": count - len(failures),
            "failed": len(failures),
            "retriable": retriable,
            "non_retriable": len(failures) - retriable,
        },
        "failed_events": failures,
    }


def _failure(error: LakewardenError, *, index: int, retriable: bool) -> dict[str, Any]:
    return {
        "index": index,
        "reason": error.message,
        "retriable": retriable,
        "problem": problem_document(error),
    }
