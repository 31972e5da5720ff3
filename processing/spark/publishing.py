"""Write, audit, publish: a step's rows go to a branch of the table and reach `main` only if all checks hold.

Source: Apache Iceberg, "Branching and Tagging", and Spark procedure `fast_forward`.
"""

import time
from dataclasses import dataclass
from typing import Any

from processing.checks import CheckResult, quote
from processing.definition import Step
from processing.spark.evolution import evolve_table

RUN_PROPERTY = "lakewarden.run-id"
STEP_PROPERTY = "lakewarden.step"


class QualityError(Exception):
    """A check failed; its message names the checks and what they counted. Nothing was published."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """`rows` are those of the table after the step; `already` says that a former attempt had published it."""

    rows: int
    seconds: float
    checks: tuple[CheckResult, ...] = ()
    already: bool = False


def publish_step(spark: Any, *, step: Step, frame: Any, run_uuid: str, attempt: int) -> Published:
    """Write `frame` to a branch, check it there, and make it `main` in one commit."""
    started = time.monotonic()
    table = _quoted(str(step.output))
    branch = f"{branch_prefix(run_uuid)}{step.name}"
    _ensure_table(spark, step=step, table=table, frame=frame)
    if attempt > 1 and _is_published(spark, table=table, step=step, run_uuid=run_uuid):
        rows = spark.table(table).count()
        return Published(rows=rows, seconds=time.monotonic() - started, already=True)
    evolve_table(spark, name=str(step.output), table=table, frame=frame)
    spark.sql(f"ALTER TABLE {table} DROP BRANCH IF EXISTS {branch}")
    if _has_snapshot(spark, table=table):
        # A write that makes its branch by itself starts the snapshot's totals at zero, and they go wrong from there.
        spark.sql(f"ALTER TABLE {table} CREATE BRANCH {branch}")
    spark.conf.set("spark.wap.branch", branch)
    try:
        _write(frame, step=step, table=table, run_uuid=run_uuid)
    finally:
        spark.conf.unset("spark.wap.branch")
    rows, results = _audit(spark, table=table, branch=branch, step=step)
    failed = [each for each in results if not each.passed]
    if not failed:
        spark.sql(
            f"CALL lakewarden.system.fast_forward(table => '{step.output}', branch => 'main', to => '{branch}')"
        )
    spark.sql(f"ALTER TABLE {table} DROP BRANCH IF EXISTS {branch}")
    if failed:
        told = ", ".join(f"`{each.name}` (counted {each.counted})" for each in failed)
        raise QualityError(f"step `{step.name}`: quality check failed: {told}")
    return Published(rows=rows, seconds=time.monotonic() - started, checks=results)


def branch_prefix(run_uuid: str) -> str:
    """What the names of a run's branches begin with."""
    return f"audit_{run_uuid.replace('-', '')}_"


def _ensure_table(spark: Any, *, step: Step, table: str, frame: Any) -> None:
    """Make the table, empty, with the columns of the frame, if it is not there."""
    columns = ", ".join(
        f"{quote(each.name)} {each.dataType.simpleString()}" for each in frame.schema
    )
    partitions = f"PARTITIONED BY ({', '.join(step.partitioned_by)})" if step.partitioned_by else ""
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS {table} ({columns}) USING iceberg {partitions} "
        "TBLPROPERTIES ('write.wap.enabled' = 'true')"
    )
    properties = {row[0]: row[1] for row in spark.sql(f"SHOW TBLPROPERTIES {table}").collect()}
    if properties.get("write.wap.enabled") != "true":
        spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.wap.enabled' = 'true')")


def _has_snapshot(spark: Any, *, table: str) -> bool:
    return bool(spark.sql(f"SELECT 1 FROM {table}.refs WHERE name = 'main'").collect())  # noqa: S608


def _is_published(spark: Any, *, table: str, step: Step, run_uuid: str) -> bool:
    """Whether `main` holds what this step of this run wrote: an attempt that was lost may have come so far."""
    found = spark.sql(
        f"SELECT 1 FROM {table}.snapshots AS s JOIN {table}.history AS h USING (snapshot_id) "  # noqa: S608
        f"WHERE h.is_current_ancestor AND s.summary['{RUN_PROPERTY}'] = '{run_uuid}' "
        f"AND s.summary['{STEP_PROPERTY}'] = '{step.name}' LIMIT 1"
    )
    return bool(found.collect())


def _write(frame: Any, *, step: Step, table: str, run_uuid: str) -> None:
    from pyspark.sql import functions

    writer = (
        frame.writeTo(table)
        .option(f"snapshot-property.{RUN_PROPERTY}", run_uuid)
        .option(f"snapshot-property.{STEP_PROPERTY}", step.name)
    )
    if step.mode == "append":
        writer.append()
    else:
        writer.overwrite(functions.lit(True))


def _audit(
    spark: Any, *, table: str, branch: str, step: Step
) -> tuple[int, tuple[CheckResult, ...]]:
    counts = ", ".join(f"{each.expression()} AS c{index}" for index, each in enumerate(step.checks))
    row = spark.sql(
        f"SELECT count(*) AS n{', ' + counts if counts else ''} FROM {table} VERSION AS OF '{branch}'"  # noqa: S608
    ).collect()[0]
    results = tuple(each.judge(int(row[f"c{index}"])) for index, each in enumerate(step.checks))
    return int(row["n"]), results


def _quoted(table: str) -> str:
    return ".".join(quote(each) for each in table.split("."))
