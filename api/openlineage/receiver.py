"""`POST /api/v1/lineage` and `/api/v1/lineage/batch`: OpenLineage events, answered after commit."""

from typing import Any

import orjson
import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from api.openlineage.access import require_sender
from api.openlineage.bodies import read_batch, read_body, read_json
from api.problems import problem_document
from catalog.services.openlineage import record_event
from core.errors import LakewardenError, UnavailableError
from identity.models import User

logger = structlog.get_logger(__name__)


def receive_event(request: HttpRequest) -> HttpResponse:
    """Record one event: 201 once it is committed, and for one that was sent before."""
    sender = require_sender(request)
    event = read_json(read_body(request))
    record_event(event=event, sender=sender)
    return HttpResponse(status=201)


def receive_batch(request: HttpRequest) -> HttpResponse:
    """Record many events, each by itself, and say which failed and why (OpenLineage.yml, `/lineage/batch`)."""
    sender = require_sender(request)
    events = list(read_batch(read_body(request)))
    failures = [
        failure
        for index, event in enumerate(events)
        if (failure := _try_record(event, index=index, sender=sender)) is not None
    ]
    retriable = sum(failure["retriable"] for failure in failures)
    body = {
        "status": "partial_success" if failures else "success",
        "summary": {
            "received": len(events),
            "successful": len(events) - len(failures),
            "failed": len(failures),
            "retriable": retriable,
            "non_retriable": len(failures) - retriable,
        },
        "failed_events": failures,
    }
    return HttpResponse(orjson.dumps(body), content_type="application/json")


def _try_record(event: Any, *, index: int, sender: User) -> dict[str, Any] | None:
    """None if the event is recorded, else its failure."""
    try:
        if isinstance(event, LakewardenError):
            raise event
        record_event(event=event, sender=sender)
    except LakewardenError as error:
        return _failure(error, index=index, retriable=False)
    except DatabaseError as error:
        logger.exception("an event of a batch was not recorded", index=index, exc_info=error)
        return _failure(UnavailableError("the database refused"), index=index, retriable=True)
    return None


def _failure(error: LakewardenError, *, index: int, retriable: bool) -> dict[str, Any]:
    return {
        "index": index,
        "reason": error.message,
        "retriable": retriable,
        "problem": problem_document(error),
    }
