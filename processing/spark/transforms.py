"""Entry points that come with the product: `(spark, parameters) -> {step name: DataFrame}`."""

from collections.abc import Mapping
from typing import Any


def keep_latest(spark: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The newest row of each key: `table`, `key` (columns, comma-separated), `order_by`; step `latest`."""
    from pyspark.sql import Window, functions

    keys = [each.strip() for each in str(parameters["key"]).split(",")]
    newest = Window.partitionBy(*keys).orderBy(functions.col(str(parameters["order_by"])).desc())
    rows = spark.table(str(parameters["table"]))
    ranked = rows.withColumn("_rank", functions.row_number().over(newest))
    return {"latest": ranked.where("_rank = 1").drop("_rank")}
