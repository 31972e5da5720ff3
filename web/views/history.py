"""The past of a dataset: who could see it, who did, and what changed."""

from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from core.clock import utc_now
from core.errors import InvalidInputError
from governance.history.asking import find_asked
from governance.policy.types import Action
from governance.services.history import Window, ask_changes, ask_reads, ask_who_could
from web.access import viewer_of

QUESTIONS = (
    ("access", "Who could"),
    ("reads", "Who did read"),
    ("changes", "What changed"),
)
ACTIONS = [each for each in Action if each is not Action.TRACE]
PAGE_SIZE = 50


@login_required
@require_safe
def history_page(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One question a page: `about`, with its instant or interval; for auditors and for those who manage the dataset."""
    principal = viewer_of(request).principal
    dataset = find_asked(principal, uuid)
    about = request.GET.get("about", "access")
    context: dict[str, Any] = {
        "dataset": dataset,
        "questions": QUESTIONS,
        "about": about,
        "actions": ACTIONS,
        "action": request.GET.get("action", str(Action.READ)),
        "given": {name: request.GET.get(name, "") for name in ("at", "from", "to", "user")},
        "error": "",
    }
    try:
        answer = _ask(request, dataset.uuid, about)
        after = answer["next"]
        # `answer.items` of a template would be the dictionary's own.
        context["answer"] = {**answer, "items_": answer["items"]}
        context["cursor"] = None if after is None else orjson.dumps(after).decode()
    except InvalidInputError as error:
        context["error"] = error.message
    return render(request, "web/history.html", context)


def _ask(request: HttpRequest, uuid: UUID, about: str) -> dict[str, Any]:
    by = viewer_of(request).principal
    after = _place(request.GET.get("cursor"))
    if about not in {"reads", "changes"}:
        action = request.GET.get("action", str(Action.READ))
        if action not in {str(each) for each in ACTIONS}:
            raise InvalidInputError(f"`action` must be one of {', '.join(ACTIONS)}")
        first = after if type(after) is int else 0
        terms = {"at": _instant(request, "at"), "action": Action(action)}
        return ask_who_could(uuid, by=by, after=first, limit=PAGE_SIZE, **terms)
    window = Window(
        since=_instant(request, "from") or utc_now().replace(hour=0, minute=0, second=0),
        until=_instant(request, "to"),
        username=request.GET.get("user") or None,
        after=after,
        limit=PAGE_SIZE,
    )
    ask = ask_reads if about == "reads" else ask_changes
    return ask(uuid, by=by, window=window)


def _place(cursor: str | None) -> Any:
    try:
        return orjson.loads(cursor) if cursor else None
    except orjson.JSONDecodeError:
        raise InvalidInputError("`cursor` must be one that a former page gave") from None


def _instant(request: HttpRequest, name: str) -> Any:
    """The instant of a form; what a browser's field sends is taken as UTC."""
    raw = request.GET.get(name, "").strip()
    if not raw:
        return None
    try:
        found = parse_datetime(raw.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None:
        raise InvalidInputError(f"`{name}` must be an instant such as 2026-01-31T12:00")
    return found if found.tzinfo else found.replace(tzinfo=utc_now().tzinfo)
