"""Jobs and their versions."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from api.marquez.base import (
    LINEAGE,
    PAGE,
    MarquezSight,
    MarquezView,
    read_window,
)
from api.marquez.bodies import JobBody, declared_job, read_body
from api.marquez.declaring import record_job
from api.marquez.jobs_shape import echo_job, render_job_versions, render_jobs
from api.marquez.schemas import (
    MarquezJobListSerializer,
    MarquezJobSerializer,
    MarquezJobVersionListSerializer,
    MarquezJobVersionSerializer,
)
from api.openlineage.access import require_sender
from catalog.lineage.events import Name
from catalog.models import Job
from catalog.queries.job_pages import jobs_that_hide
from catalog.services.removals import remove_job
from core.errors import NotFoundError, PermissionDeniedError
from governance.policy.types import Action
from governance.queries import visible_datasets
from identity.models import User


class JobListView(MarquezView):
    """The jobs that use a dataset which the caller may discover, of one namespace or of all, by name."""

    @extend_schema(
        operation_id="marquez_jobs_list", parameters=PAGE, responses=MarquezJobListSerializer
    )
    def get(self, request: Request, namespace: str | None = None) -> Response:
        sight = MarquezSight(request)
        limit, offset = read_window(request)
        found = sight.jobs
        if namespace is not None:
            found = found.filter(namespace=namespace)
        rows = list(found.order_by("namespace", "name")[offset : offset + limit])
        return Response({"jobs": render_jobs(rows, sight=sight), "totalCount": found.count()})


@extend_schema_view(get=extend_schema(operation_id="marquez_all_jobs_list"))
class AllJobListView(JobListView):
    """The jobs of all namespaces."""


class JobView(MarquezView):
    """One job."""

    token_scopes = {"PUT": LINEAGE}
    # As of `DatasetView`.
    suffix = ""

    def full_name(self, name: str) -> str:
        return name + self.suffix

    @extend_schema(operation_id="marquez_jobs_retrieve", responses=MarquezJobSerializer)
    def get(self, request: Request, namespace: str, job: str) -> Response:
        sight = MarquezSight(request)
        row = sight.named_job(namespace, self.full_name(job))
        return Response(render_jobs([row], sight=sight, whole_runs=True)[0])

    @extend_schema(
        operation_id="marquez_jobs_update", request=JobBody, responses=MarquezJobSerializer
    )
    def put(self, request: Request, namespace: str, job: str) -> Response:
        """Declare the job with what it reads and writes, as a lineage event would."""
        sender = require_sender(request)
        values = read_body(request, JobBody)
        declared = declared_job(Name(namespace, self.full_name(job)), values)
        record_job(declared, run_id=values.get("runId"), sender=sender)
        sight = MarquezSight(request)
        row = sight.find_job(namespace, declared.name.name, exact=True)
        if row is None:
            return Response(echo_job(declared))
        return Response(render_jobs([row], sight=sight, whole_runs=True)[0])

    @extend_schema(operation_id="marquez_jobs_destroy", responses=MarquezJobSerializer)
    def delete(self, request: Request, namespace: str, job: str) -> Response:
        """Leave the job out of lists until its next event. Needs `manage` on every dataset that it uses."""
        sight = MarquezSight(request)
        row = sight.named_job(namespace, self.full_name(job))
        require_job(row, sight=sight)
        answer = render_jobs([row], sight=sight)[0]
        user: User = request.user  # type: ignore[assignment]
        remove_job(row, by=user)
        return Response(answer)


def require_job(job: Job, *, sight: MarquezSight) -> None:
    """Raise PermissionDeniedError unless the caller may manage every dataset that the job uses."""
    managed = visible_datasets(sight.principal, action=Action.MANAGE, facts=sight.facts)
    if not sight.sees_everything and jobs_that_hide([job.pk], described=managed):
        raise PermissionDeniedError("you do not manage every dataset that this job uses")


@extend_schema_view(put=extend_schema(exclude=True), delete=extend_schema(exclude=True))
class JobVersionListView(JobView):
    """The versions of a job, newest first."""

    suffix = "/versions"

    @extend_schema(
        operation_id="marquez_job_versions_list",
        parameters=PAGE,
        responses=MarquezJobVersionListSerializer,
    )
    def get(self, request: Request, namespace: str, job: str) -> Response:
        sight = MarquezSight(request)
        row = sight.find_job(namespace, job)
        if row is None:
            return super().get(request, namespace, job)
        limit, offset = read_window(request)
        found = row.versions.all()
        rows = list(found.order_by("-number")[offset : offset + limit])
        versions = render_job_versions(rows, job=row, sight=sight)
        return Response({"versions": versions, "totalCount": found.count()})


class JobVersionView(MarquezView):
    """One version of a job."""

    @extend_schema(
        operation_id="marquez_job_versions_retrieve", responses=MarquezJobVersionSerializer
    )
    def get(self, request: Request, namespace: str, job: str, version: UUID) -> Response:
        sight = MarquezSight(request)
        row = sight.named_job(namespace, job)
        found = row.versions.filter(uuid=version).first()
        if found is None:
            raise NotFoundError("there is no such version")
        return Response(render_job_versions([found], job=row, sight=sight)[0])
