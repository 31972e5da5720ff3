"""Every URL pattern of the project as a template: `api/v1/tokens/<pk>`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RegexPattern, URLResolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Below these, programs are answered; everywhere else people are.
API_PREFIXES = ("api/", "iceberg/", "v2", "opa/", "scim/", "metrics", "healthz", "readyz")
_NAMED_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
_CONVERTED = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Endpoint:
    template: str
    pattern: URLPattern

    @property
    def is_api(self) -> bool:
        return self.template.startswith(API_PREFIXES)

    @property
    def parameters(self) -> list[str]:
        return _CONVERTED.findall(self.template)

    def path(self, values: dict[str, str]) -> str:
        return "/" + _CONVERTED.sub(lambda match: str(values[match[1]]), self.template)


def _template(part) -> str:
    text = str(part)
    if isinstance(part, RegexPattern):
        text = _NAMED_GROUP.sub(r"<\1>", text).replace("\\.", ".").strip("^$").rstrip("\\Z")
    return _CONVERTED.sub(r"<\1>", text)


def _walk(resolver: URLResolver, prefix: str) -> Iterator[Endpoint]:
    for each in resolver.url_patterns:
        template = prefix + _template(each.pattern)
        if isinstance(each, URLPattern):
            yield Endpoint(template, each)
        else:
            yield from _walk(each, template)


def all_endpoints() -> list[Endpoint]:
    """Each template once, in the order of the resolver."""
    found: dict[str, Endpoint] = {}
    for endpoint in _walk(get_resolver(), ""):
        found.setdefault(endpoint.template, endpoint)
    return list(found.values())
