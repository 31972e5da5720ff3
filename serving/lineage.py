"""OpenLineage events of trainings: datasets in, the model out, each output column by column.

Source: OpenLineage 2-0-2, RunEvent; facets Schema 1-1-1, ColumnLineage 1-2-0, JobType 2-0-3, ErrorMessage 1-0-1.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from catalog.models import Dataset
from core.clock import utc_now
from serving.datatypes import CATALOG_TYPES, TensorSpec
from serving.models.version import MODEL_NAMESPACE

SCHEMA_URL = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS_URL = "https://openlineage.io/spec/facets"
JOB_NAMESPACE = "lakewarden"


def training_event(
    *,
    event_type: str,
    run_uuid: UUID,
    model_name: str,
    inputs: Iterable[Dataset] = (),
    outputs: Sequence[dict[str, Any]] = (),
    error: str = "",
) -> dict[str, Any]:
    """A RunEvent of the job that trains (or imports) `model_name`."""
    run_facets = {
        "errorMessage": _facet(
            "1-0-1/ErrorMessageRunFacet", message=error, programmingLanguage="python"
        )
    }
    return {
        "eventType": event_type,
        "eventTime": utc_now().isoformat(),
        "producer": settings.LAKEWARDEN.url.geturl(),
        "schemaURL": SCHEMA_URL,
        "run": {"runId": str(run_uuid), "facets": run_facets if error else {}},
        "job": {
            "namespace": JOB_NAMESPACE,
            "name": f"train.{model_name}",
            "facets": {
                "jobType": _facet(
                    "2-0-3/JobTypeJobFacet",
                    processingType="BATCH",
                    integration="LAKEWARDEN",
                    jobType="TRAINING",
                )
            },
        },
        "inputs": [{"namespace": each.namespace, "name": each.name} for each in inputs],
        "outputs": list(outputs),
    }


def model_output(
    *,
    model_name: str,
    tensors: Sequence[TensorSpec],
    source: Dataset | None = None,
    features: Sequence[str] = (),
    label: str = "",
) -> dict[str, Any]:
    """The model as an output dataset. With `features`, each output tensor is derived from each feature.

    The features are computed from (DIRECT), the label shaped the model (INDIRECT), so a tag of either
    column reaches the model's outputs.
    """
    facets = {
        "schema": _facet(
            "1-1-1/SchemaDatasetFacet",
            fields=[catalog_field(each) for each in tensors],
        )
    }
    if source is not None and features:
        origins = [_origin(source, name, "DIRECT", "TRANSFORMATION") for name in features]
        origins.append(_origin(source, label, "INDIRECT", "CONDITIONAL"))
        facets["columnLineage"] = _facet(
            "1-2-0/ColumnLineageDatasetFacet",
            fields={each["name"]: {"inputFields": origins} for each in tensors},
        )
    return {"namespace": MODEL_NAMESPACE, "name": model_name, "facets": facets}


def catalog_field(tensor: TensorSpec) -> dict[str, str]:
    """An output tensor as a field of the model's dataset."""
    return {"name": tensor["name"], "type": CATALOG_TYPES[tensor["datatype"]]}


def _origin(source: Dataset, field: str, kind: str, subtype: str) -> dict[str, Any]:
    return {
        "namespace": source.namespace,
        "name": source.name,
        "field": field,
        "transformations": [
            {"type": kind, "subtype": subtype, "description": "model training", "masking": False}
        ],
    }


def _facet(schema: str, **members: Any) -> dict[str, Any]:
    name = schema.split("/")[1]
    version = schema.split("/", maxsplit=1)[0]
    return {
        "_producer": settings.LAKEWARDEN.url.geturl(),
        "_schemaURL": f"{FACETS_URL}/{version}/{name}.json#/$defs/{name}",
        **members,
    }
