"""Every error code that a caller may meet, read off the error classes themselves."""

import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.urls import get_resolver

from core.errors import LakewardenError

# Where errors are defined beside each app's `errors.py` and the modules of the endpoints; a test finds what is
# missing here.
ERROR_MODULES = (
    "catalog.lineage.events",
    "core.outbound",
    "governance.policy.errors",
    "governance.services.audit",
    "ingestion.formats.base",
    "ingestion.formats.registry",
    "storage.backends.errors",
    "storage.queries",
    "storage.services.collections",
    "storage.services.files",
    "storage.services.object_reads",
    "storage.services.orphans",
    "storage.tables.errors",
    "storage.tables.expressions",
    "storage.tiering.plan",
    "storage.tiering.relocation",
)


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    """A stable code, its HTTP status, and its meaning (the docstring of its class)."""

    code: str
    status: int
    meaning: str


def list_error_codes() -> list[ErrorCode]:
    """All codes, sorted. A subclass without a code of its own is a case of its parent's."""
    _import_errors()
    product = {"core", *(config.name for config in apps.get_app_configs())}
    classes: tuple[type[LakewardenError], ...] = (LakewardenError, *_below(LakewardenError))
    own = {
        each
        for each in classes
        if "code" in vars(each) and each.__module__.split(".")[0] in product
    }
    return sorted(map(_describe, own), key=lambda each: each.code)


def _describe(error: type[LakewardenError]) -> ErrorCode:
    meaning = " ".join((inspect.getdoc(error) or "").split())
    return ErrorCode(code=error.code, status=error.status, meaning=meaning)


def _below(parent: type[LakewardenError]) -> Iterator[type[LakewardenError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def _import_errors() -> None:
    get_resolver().url_patterns  # noqa: B018 - reading it imports every endpoint
    by_app = [f"{config.name}.errors" for config in apps.get_app_configs()]
    for name in (*by_app, *ERROR_MODULES):
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
