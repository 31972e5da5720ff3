"""Every filter of the product, found in its source: each can be watched, and each can be taken away for a while.

A filter is an expression: a call of a function that says what may be seen (`visible_datasets(principal)`), or a member
of a sight (`sight.visible`). Taken away, that one expression answers as an administrator would be answered.
"""

import ast
import copy
import dataclasses
import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import get_resolver
from rest_framework.request import Request

from api.openlineage.sights import Sights
from catalog.models import Dataset
from catalog.queries.export import ExportSight
from governance import queries
from governance.policy.types import Action, ColumnRule, Decision, Obligations, Principal
from identity.models import User

APPS = {
    "api", "catalog", "governance", "ingestion", "processing", "query", "serving", "storage", "web",
}  # fmt: skip
FUNCTIONS = re.compile(
    r"(?!_require$)_?(visible_\w+|get_visible_\w+|require(_domain|_namespace|_namespace_change|_table|_creation|_manage|_change"
    r"|_source|_job|_administrator|_approver)?|may_(administer|read|write|steer|change)\w*|administered_domains"
    r"|manageable_\w+|decide_on|decide_read|decide_read_of_own|grants_held|grants_given_on|requests_to_decide"
    r"|sees_everything|hides_nothing|run_hides_nothing|allow_nodes|allow_fields|job_owners|traceable_datasets"
    r"|export_sight|decided_ids|is_administrator|without_foreign_columns|_visible|_managed|_may_know_of|_is_owner)"
)
MEMBERS = frozenset(
    "visible described jobs runs events domains terms products traced dataset require require_domain"  # noqa: SIM905
    " described_keys find_dataset find_job sees_everything visible_among manageable manageable_jobs"
    " administers administers_any knows_domain".split()
)
# What bears those members is called so everywhere.
_SIGHTS = re.compile(
    r"self|described|visible|(self\._?)?(sights?|rights)|(Marquez)?Sight\(request\)"
)
# Where `self` is such a sight itself.
_SIGHT_CLASSES = re.compile(r".*(Sights?|Rights|Parts)")


def _open_datasets(*_: Any, **__: Any) -> QuerySet[Dataset]:
    return Dataset.objects.live()


def _open_decision(principal: Principal, action: Action, dataset: Dataset, **__: Any) -> Decision:
    """Administrators may not read for being that: where reading is asked, every column as it is."""
    if action is not Action.READ:
        return queries.decide_on(elevated(principal), action, dataset)
    plain = (ColumnRule(each.name, each.pk, each.type) for each in dataset.fields.present())
    return Decision("allow", (), Obligations(columns=tuple(plain)))


# What those answer that hide nothing, where an administrator would be shown less than everything.
_OPEN: dict[str, Callable[..., Any]] = {
    "hides_nothing": lambda *_, **__: True,
    "run_hides_nothing": lambda *_, **__: True,
    "without_foreign_columns": lambda event: event,
    "visible_datasets": _open_datasets,
    "traceable_datasets": _open_datasets,
    "decide_on": _open_decision,
    "require": _open_decision,
    "decide_read": lambda principal, dataset, **__: _open_decision(principal, Action.READ, dataset),
}


class Filters:
    """The filters of the product while it is watched: which are asked, and which one is gone."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.asked: set[str] = set()
        self.gone: str | None = None

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """The product with one filter taken away."""
        assert name in self.names, f"there is no filter `{name}`"
        self.gone = name
        try:
            yield
        finally:
            self.gone = None

    def function(self, name: str, called: Callable[..., Any]) -> Callable[..., Any]:
        """What stands where a filter is called."""
        self.asked.add(name)
        if name != self.gone:
            return called
        if (known := _OPEN.get(getattr(called, "__name__", ""))) is not None:
            return known
        return lambda *args, **kwargs: called(
            *map(elevated, args), **{key: elevated(value) for key, value in kwargs.items()}
        )

    def member(self, name: str, owner: Any) -> Any:
        """What stands before a member of a sight."""
        other = elevated(owner)
        if other is owner:
            return owner
        self.asked.add(name)
        return other if name == self.gone else owner


class _EverySight:
    question = None

    def visible_among(self, ids: Any) -> Any:
        return np.ones(ids.shape, dtype=np.bool_)


def elevated(value: Any) -> Any:
    """The same as an administrator has it; `value` itself where it is nobody's sight."""
    for kind, elevate in _ELEVATED:
        if isinstance(value, kind):
            return elevate(value)
    if hasattr(type(value), "visible_among"):
        return _EverySight()
    if isinstance(value, Sights):
        # To trace what is hidden is nobody's by role.
        return _with(value, principal=elevated(value.principal), traced=_EverySight())
    for name in ("principal", "_principal"):
        if isinstance(getattr(value, "__dict__", {}).get(name), Principal):
            return _with(value, **{name: elevated(value.__dict__[name])})
    return value


def _with(value: Any, **changes: Any) -> Any:
    """A copy, with nothing that was worked out before."""
    other = copy.copy(value)
    for name in [
        each
        for each in vars(other)
        if isinstance(getattr(type(other), each, None), cached_property)
    ]:
        del other.__dict__[name]
    other.__dict__.update(changes)
    return other


def _all(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.model._default_manager.all()


def _all_of(sight: ExportSight) -> ExportSight:
    fields = dataclasses.fields(sight)
    return ExportSight(**{each.name: _all(getattr(sight, each.name)) for each in fields})


_ELEVATED: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Principal, lambda each: dataclasses.replace(each, is_superuser=True)),
    (User, lambda each: _with(each, is_superuser=True)),
    (HttpRequest, lambda each: _with(each, user=elevated(each.user), _lakewarden_viewer=None)),
    (Request, lambda each: _with(each, _user=elevated(each.user))),
    (ExportSight, _all_of),
)


class _Marker(ast.NodeTransformer):
    """Puts `__filters__` before each filter of a module; names are those of the source, whatever lines they are on."""

    def __init__(self, module: str) -> None:
        self.place = [module]
        self.names: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._within(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._within(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = node.func
        name = getattr(called, "id", None) or getattr(called, "attr", "")
        is_filter = FUNCTIONS.fullmatch(name) and not self._is_member(called)
        label = ast.unparse(node) if is_filter else ""
        self.generic_visit(node)
        if is_filter:
            node.func = self._marked("function", label, node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        label = ast.unparse(node) if self._is_member(node) else ""
        self.generic_visit(node)
        if label:
            node.value = self._marked("member", label, node.value)
        return node

    def _is_member(self, node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr in MEMBERS
            and isinstance(node.ctx, ast.Load)
            and _SIGHTS.fullmatch(ast.unparse(node.value)) is not None
            and (ast.unparse(node.value) != "self" or self._is_in_sight())
        )

    def _is_in_sight(self) -> bool:
        return any(_SIGHT_CLASSES.fullmatch(each) for each in self.place[1:])

    def _within(self, node: Any) -> ast.AST:
        self.place.append(node.name)
        self.generic_visit(node)
        self.place.pop()
        return node

    def _marked(self, kind: str, label: str, value: ast.expr) -> ast.expr:
        base = f"{'.'.join(self.place)}: {label}"
        name, turn = base, 2
        while name in self.names:
            name, turn = f"{base} #{turn}", turn + 1
        self.names.append(name)
        owner = ast.Attribute(ast.Name("__filters__", ast.Load()), kind, ast.Load())
        return ast.Call(owner, [ast.Constant(name), value], [])


@contextmanager
def watched() -> Iterator[Filters]:
    """The product with every filter marked, for as long as it is watched."""
    get_resolver().url_patterns  # noqa: B018 - imports every view
    filters, codes = Filters(), {}
    modules = [each for each in list(sys.modules.values()) if _is_ours(each)]
    for module in modules:
        module.__dict__["__filters__"] = filters
        codes.update(_marked_codes(module, filters))
    changed = []
    # By type, not isinstance: a lazy object that is asked for its class would wake.
    for function in [each for each in gc.get_objects() if type(each) is FunctionType]:
        new = codes.get(_key(function.__code__))
        if new is not None:
            changed.append((function, function.__code__))
            function.__code__ = new
    try:
        yield filters
    finally:
        for function, code in changed:
            function.__code__ = code


def _is_ours(module: ModuleType) -> bool:
    name = getattr(module, "__name__", "")
    return name.partition(".")[0] in APPS and "migrations" not in name and _path(module) is not None


def _path(module: ModuleType) -> Path | None:
    found = getattr(module, "__file__", None)
    return Path(found) if found and Path(found).is_relative_to(settings.BASE_DIR) else None


def _marked_codes(module: ModuleType, filters: Filters) -> dict[Any, CodeType]:
    path = _path(module)
    assert path is not None
    marker = _Marker(module.__name__)
    tree = ast.fix_missing_locations(marker.visit(ast.parse(path.read_text())))
    filters.names.update(marker.names)
    if not marker.names:
        return {}
    return dict(_codes(compile(tree, str(path), "exec", dont_inherit=True)))


def _codes(code: CodeType) -> Iterator[tuple[Any, CodeType]]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield _key(each), each
            yield from _codes(each)


def _key(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno
