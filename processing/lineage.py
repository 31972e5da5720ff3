"""The OpenLineage events of a pipeline's run, below which the runs of its Spark application hang.

The parent names no datasets: what was read and written is told by the runs below it, column by column.
Source: OpenLineage 2-0-2, RunEvent; facets JobType 2-0-3, ErrorMessage 1-0-1.
"""

from typing import Any

from django.conf import settings

from catalog.services.openlineage import record_event
from core.clock import utc_now
from processing.models import PipelineRun

SCHEMA_URL = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS_URL = "https://openlineage.io/spec/facets"


def record_run_event(run: PipelineRun, event_type: str, *, error: str = "") -> None:
    """Record that `run` started, completed, failed or was aborted, in the current transaction."""
    facets = {}
    if error:
        facets["errorMessage"] = _facet(
            "ErrorMessageRunFacet", "1-0-1", message=error, programmingLanguage="sql"
        )
    event = {
        "eventType": event_type,
        "eventTime": utc_now().isoformat(),
        "producer": settings.LAKEWARDEN.url.geturl(),
        "schemaURL": SCHEMA_URL,
        "run": {"runId": str(run.uuid), "facets": facets},
        "job": {
            "namespace": run.pipeline.namespace,
            "name": run.pipeline.name,
            "facets": {
                "jobType": _facet(
                    "JobTypeJobFacet",
                    "2-0-3",
                    processingType="BATCH",
                    integration="LAKEWARDEN",
                    jobType="PIPELINE",
                )
            },
        },
        "inputs": [],
        "outputs": [],
    }
    record_event(event=event, sender=run.pipeline.run_as)


def _facet(name: str, version: str, **members: Any) -> dict[str, Any]:
    return {
        "_producer": settings.LAKEWARDEN.url.geturl(),
        "_schemaURL": f"{FACETS_URL}/{version}/{name}.json#/$defs/{name}",
        **members,
    }
