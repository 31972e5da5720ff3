"""Events of benchmarks: the same number gives the same event, so that another server can be asked with them too.

`small`: a complete run with one input and one output of 5 columns, 1.1 kB. `spark`: START and COMPLETE of a run in turn,
two inputs and one output of 30 columns with two source fields each, symlinks, a plan and properties, 23 kB.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = ("bigint", "string", "double", "timestamp", "decimal(18,2)")
JOBS = 200


def at(number: int) -> str:
    return (BEGIN + timedelta(milliseconds=number)).isoformat()


def columns(count: int) -> dict[str, Any]:
    rows = [
        {"name": f"col_{c:02d}", "type": TYPES[c % 5], "description": f"column {c}"}
        for c in range(count)
    ]
    return {"fields": rows}


def event(number: int, *, run_key: str, job: str, namespace: str, **parts: Any) -> dict[str, Any]:
    return {
        "eventTime": at(number),
        "eventType": parts.get("type", "COMPLETE"),
        "producer": "https://example.org/bench",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": str(uuid.uuid5(uuid.NAMESPACE_URL, run_key)),
            "facets": parts.get("run_facets", {}),
        },
        "job": {"namespace": namespace, "name": job, "facets": parts.get("job_facets", {})},
        "inputs": parts["inputs"],
        "outputs": parts["outputs"],
    }


def plain(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": {"schema": columns(5)}}


def small_event(number: int) -> dict[str, Any]:
    job = number % JOBS
    return event(
        number,
        run_key=f"small/{number}",
        job=f"small_job_{job}",
        namespace="small",
        inputs=[plain("postgres://db:5432", f"shop.public.in_{job}")],
        outputs=[plain("postgres://db:5432", f"shop.public.out_{job}")],
    )


def spark_event(number: int) -> dict[str, Any]:
    job = (number // 2) % JOBS
    inputs = [lake(f"lake/raw_{job}_{side}") for side in "ab"]
    output = lake(f"lake/curated_{job}")
    output["facets"]["columnLineage"] = {
        "fields": {f"col_{c:02d}": derived(job, c) for c in range(30)}
    }
    output["outputFacets"] = {
        "outputStatistics": {"rowCount": number, "size": 987654, "fileCount": 8}
    }
    return event(
        number,
        type="START" if number % 2 == 0 else "COMPLETE",
        run_key=f"spark/{number // 2}",
        job=f"etl_app_{job % 20}.execute_insert_{job}",
        namespace="spark",
        inputs=inputs,
        outputs=[output],
        run_facets=spark_run_facets(number, job),
        job_facets={
            "jobType": {"processingType": "BATCH", "integration": "SPARK", "jobType": "SQL_JOB"},
            "sql": {"query": "INSERT " + ", ".join(f"a.col_{c:02d}" for c in range(30))},
        },
    )


def lake(name: str) -> dict[str, Any]:
    identifiers = [
        {"namespace": "hive://metastore:9083", "name": name.replace("/", "."), "type": "TABLE"}
    ]
    return {
        "namespace": "s3://warehouse",
        "name": name,
        "facets": {
            "dataSource": {"name": "s3://warehouse", "uri": "s3://warehouse"},
            "schema": columns(30),
            "storage": {"storageLayer": "iceberg", "fileFormat": "parquet"},
            "symlinks": {"identifiers": identifiers},
        },
    }


def derived(job: int, column: int) -> dict[str, Any]:
    sources = (
        (f"lake/raw_{job}_a", column, "DIRECT", "TRANSFORMATION"),
        (f"lake/raw_{job}_b", (column + 7) % 30, "INDIRECT", "JOIN"),
    )
    return {
        "inputFields": [
            {
                "namespace": "s3://warehouse",
                "name": name,
                "field": f"col_{c:02d}",
                "transformations": [
                    {"type": kind, "subtype": subtype, "description": "", "masking": False}
                ],
            }
            for name, c, kind, subtype in sources
        ]
    }


def spark_run_facets(number: int, job: int) -> dict[str, Any]:
    parent = str(uuid.uuid5(uuid.NAMESPACE_URL, f"parent{job % 20}/{number // 2 // JOBS}"))
    attributes = [
        [
            {
                "class": "AttributeReference",
                "name": f"col_{c:02d}",
                "dataType": "long",
                "exprId": {"id": c, "jvmId": parent},
            }
        ]
        for c in range(30)
    ]
    return {
        "spark_properties": {"properties": {f"spark.conf.key{k}": f"value-{k}" for k in range(12)}},
        "processing_engine": {"version": "3.5.3", "name": "spark"},
        "parent": {
            "run": {"runId": parent},
            "job": {"namespace": "spark", "name": f"etl_app_{job % 20}"},
        },
        "environment-properties": {
            "environment-properties": {f"env{k}": "x" * 40 for k in range(8)}
        },
        "spark.logicalPlan": {
            "plan": [{"class": "Project", "num-children": 1, "projectList": attributes}]
        },
    }
