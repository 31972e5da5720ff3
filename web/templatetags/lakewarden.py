"""Navigation, and values as people read them."""

from datetime import timedelta
from typing import Any, NamedTuple

from django import template
from django.template.context import RequestContext
from django.urls import reverse

register = template.Library()

PAGES = (
    ("web:home", "Home"),
    ("web:search", "Search"),
    ("web:models", "Models"),
    ("web:requests", "My requests"),
    ("web:inbox", "Inbox"),
    ("web:tokens", "Tokens"),
)


class Link(NamedTuple):
    url: str
    text: str
    current: bool


@register.simple_tag(takes_context=True)
def navigation(context: RequestContext) -> list[Link]:
    """The pages that this viewer has, with the current one marked."""
    request = context["request"]
    pages = list(PAGES)
    if request.user.is_superuser:
        pages.append(("web:audit", "Audit"))
    if request.user.is_staff:
        pages.append(("admin:index", "Admin"))
    match = request.resolver_match
    here = match.view_name if match else ""
    return [Link(reverse(name), text, name == here) for name, text in pages]


@register.simple_tag(takes_context=True)
def query_with(context: RequestContext, **changes: Any) -> str:
    """The current query string with some parameters set, or removed where the value is empty."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@register.filter
def spelled(value: timedelta | None) -> str:
    """A duration in its largest whole unit: `30 days`, `90 minutes`."""
    if value is None:
        return "no limit"
    seconds = int(value.total_seconds())
    for size, unit in UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{seconds} seconds"


@register.filter
def sentence(text: str) -> str:
    """The first letter as a capital: our messages are lower case."""
    return text[:1].upper() + text[1:]


@register.simple_tag(takes_context=True)
def narrowed(context: RequestContext, name: str, value: str) -> str:
    """The current query narrowed by one more facet, from the first page on."""
    return str(query_with(context, **{name: value, "page": ""}))


@register.simple_tag(takes_context=True)
def without(context: RequestContext, name: str) -> str:
    """The current query without one of its facets, from the first page on."""
    return str(query_with(context, **{name: "", "page": ""}))
