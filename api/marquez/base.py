"""What every view of the Marquez API shares: the caller's sight, pages, times and errors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.marquez.paths import ways_to_cut
from api.v1.sight import Sight
from catalog.lineage.events import InvalidEventError, Name, read_time
from catalog.models import Dataset, DatasetSymlink, Job, Run, RunEvent
from core.errors import InvalidInputError, NotFoundError
from governance.runs import sees_everything, visible_events
from identity.models.token import Scope

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_OFFSET = 1_000_000
PAGE = [OpenApiParameter("limit", int), OpenApiParameter("offset", int)]
# Writes that mean lineage take a token for lineage; all others the scopes that any write takes.
LINEAGE = (Scope.LINEAGE,)
HEAVY_DATASET = ("facet_stamps",)


class MarquezView(APIView):
    """Errors are our problem documents; `message` is where Marquez's clients look for the words."""

    token_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(response.data, dict) and "detail" in response.data:
            response.data.setdefault("message", response.data["detail"])
        return response


class MarquezSight(Sight):
    """The caller's view of datasets, jobs, runs and events, by the names that Marquez's clients use."""

    @cached_property
    def events(self) -> QuerySet[RunEvent]:
        """Raw events that the caller may read whole."""
        return visible_events(self.principal, described=self.described)

    @property
    def sees_everything(self) -> bool:
        """Whether the caller is an administrator."""
        return sees_everything(self.principal)

    @property
    def sees_most(self) -> bool:
        """Whether to look through all names for those in sight: for speed, and the answer is the same."""
        return self.principal.is_superuser

    def find_dataset(self, namespace: str, name: str, *, exact: bool = False) -> Dataset | None:
        """The dataset that the path means, if the caller may discover it; by another name, if they may view its metadata.

        `exact`: cut just so, and no other way.
        """
        exactly = [Name(namespace, name)]
        cuts = exactly if exact else ways_to_cut(namespace, name, separator="datasets")
        rows = self.visible.defer("facets", *HEAVY_DATASET)
        found = {Name(row.namespace, row.name): row for row in rows.filter(_matches(cuts))}
        if not found:
            links = DatasetSymlink.objects.filter(
                _matches(cuts), dataset__in=self.described.order_by().only("pk")
            ).select_related("dataset")
            heavy = [f"dataset__{each}" for each in ("facets", *HEAVY_DATASET)]
            found = {Name(link.namespace, link.name): link.dataset for link in links.defer(*heavy)}
        return next((found[cut] for cut in cuts if cut in found), None)

    def named_dataset(self, namespace: str, name: str) -> Dataset:
        """The same; NotFoundError where there is none in sight."""
        found = self.find_dataset(namespace, name)
        if found is None:
            raise NotFoundError("there is no such dataset")
        return found

    def find_job(self, namespace: str, name: str, *, exact: bool = False) -> Job | None:
        """The job that the path means, if the caller may know of it; `exact` as for datasets."""
        exactly = [Name(namespace, name)]
        cuts = exactly if exact else ways_to_cut(namespace, name, separator="jobs")
        found = {Name(row.namespace, row.name): row for row in self.jobs.filter(_matches(cuts))}
        return next((found[cut] for cut in cuts if cut in found), None)

    def named_job(self, namespace: str, name: str) -> Job:
        """The same; NotFoundError where there is none in sight."""
        found = self.find_job(namespace, name)
        if found is None:
            raise NotFoundError("there is no such job")
        return found

    def run(self, run_id: UUID) -> Run:
        """The run; NotFoundError where there is none in sight."""
        found = self.runs.filter(pk=run_id).select_related("job", "version").first()
        if found is None:
            raise no_such_run()
        return found


def _matches(names: list[Name]) -> Q:
    wanted = Q(pk__in=[])
    for each in names:
        wanted |= Q(namespace=each.namespace, name=each.name)
    return wanted


def no_such_run() -> NotFoundError:
    return NotFoundError("there is no such run")


def read_window(request: Request) -> tuple[int, int]:
    """`limit` (1 to 500, 100 when not given) and `offset`; InvalidInputError otherwise."""
    limit = _read_number(request, "limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    return limit, _read_number(request, "offset", default=0, least=0, most=MAX_OFFSET)


def _read_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    raw = request.query_params.get(name)
    if raw is None or raw == "":
        return default
    if not raw.isdecimal() or len(raw) > len(str(most)) or not least <= int(raw) <= most:
        raise InvalidInputError(f"`{name}` must be a whole number from {least} to {most}")
    return int(raw)


def read_depth(request: Request, *, default: int, most: int) -> int:
    """`depth` from 0 to `most`; InvalidInputError otherwise."""
    return _read_number(request, "depth", default=default, least=0, most=most)


def read_instant(text: str, *, name: str) -> datetime:
    """An ISO 8601 time of a query parameter or body, in UTC; InvalidInputError otherwise."""
    # A client that does not encode `+` in a query sends it as a space.
    told = text.replace(" ", "+") if "T" in text else text
    try:
        return read_time(told, pointer="")
    except InvalidEventError as error:
        raise InvalidInputError(f"`{name}`: {error.message}") from None


def instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with microseconds and `Z`, as Marquez writes times."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def dataset_id(namespace: str, name: str) -> dict[str, Any]:
    """A DatasetId, or a JobId."""
    return {"namespace": namespace, "name": name}
