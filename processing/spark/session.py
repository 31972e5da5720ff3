"""The configuration of a run's Spark application, as files that only its owner may read.

Everything goes through `spark-defaults.conf`: what pyspark sets on its builder ends up on the command line of
`spark-submit`, where every user of the machine sees it.
"""

from dataclasses import dataclass, field
from pathlib import Path

CATALOG = "lakewarden"
LINEAGE_PATH = "/api/v1/lineage"
LOG_CONFIGURATION = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


@dataclass(frozen=True, kw_only=True)
class SparkJob:
    """What one run's Spark application needs to know."""

    name: str
    namespace: str
    run_uuid: str
    master: str
    driver_memory: str
    jars_dir: Path | None
    service_url: str
    token: str = field(repr=False)
    s3_endpoint: str | None
    s3_region: str

    @property
    def is_local(self) -> bool:
        return self.master.startswith("local")


def write_configuration(folder: Path, job: SparkJob) -> None:
    """Write `spark-defaults.conf` and `log4j2.properties` into `folder`, which is the caller's alone."""
    lines = [f"{key} {_escape(value)}" for key, value in configuration(folder, job).items()]
    _write_private(folder / "spark-defaults.conf", "\n".join(lines) + "\n")
    _write_private(folder / "log4j2.properties", LOG_CONFIGURATION)


def configuration(folder: Path, job: SparkJob) -> dict[str, str]:
    """Every setting of the application by its name."""
    return {
        **_engine(folder, job),
        **_catalog(job),
        **_lineage(job),
    }


def _engine(folder: Path, job: SparkJob) -> dict[str, str]:
    settings = {
        "spark.master": job.master,
        "spark.app.name": job.name,
        "spark.ui.enabled": "false",
        "spark.driver.memory": job.driver_memory,
        # A run is short: the first compiler and the simplest collector start in half the CPU time.
        "spark.driver.extraJavaOptions": (
            f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dderby.system.home={folder}"
        ),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        # A pipeline reads tables of the catalog: no file by its path, no variable of the environment.
        "spark.sql.runSQLOnFiles": "false",
        "spark.sql.variable.substitute": "false",
        # processing.spark.guard reads whole plans.
        "spark.sql.debug.maxToStringFields": "1000000",
        "spark.redaction.regex": "(?i)secret|password|token|access[.]?key|api[.]?key",
    }
    jars = sorted(job.jars_dir.glob("*.jar")) if job.jars_dir else []
    if job.is_local:
        settings |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": "4",
        }
        if jars:  # on the class path as they lie: nothing is copied
            settings["spark.driver.extraClassPath"] = f"{job.jars_dir}/*"
    elif jars:
        settings["spark.jars"] = ",".join(str(jar) for jar in jars)
    return settings


def _catalog(job: SparkJob) -> dict[str, str]:
    prefix = f"spark.sql.catalog.{CATALOG}"
    settings = {
        "spark.sql.defaultCatalog": CATALOG,
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        f"{prefix}.type": "rest",
        f"{prefix}.uri": f"{job.service_url}/iceberg",
        f"{prefix}.token": job.token,
        # Our tokens outlive the run and are no OAuth2 tokens: there is nothing to exchange them for.
        f"{prefix}.token-refresh-enabled": "false",
        f"{prefix}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{prefix}.client.region": job.s3_region,
        f"{prefix}.cache-enabled": "false",
        # Credentials come with each table that the account may read whole; the process has no others.
        f"{prefix}.header.X-Iceberg-Access-Delegation": "vended-credentials",
    }
    if job.s3_endpoint:
        settings |= {
            f"{prefix}.s3.endpoint": job.s3_endpoint,
            f"{prefix}.s3.path-style-access": "true",
        }
    return settings


def _lineage(job: SparkJob) -> dict[str, str]:
    prefix = "spark.openlineage"
    parent = {"JobNamespace": job.namespace, "JobName": job.name, "RunId": job.run_uuid}
    return {
        "spark.extraListeners": "io.openlineage.spark.agent.OpenLineageSparkListener",
        f"{prefix}.transport.type": "http",
        f"{prefix}.transport.url": job.service_url,
        f"{prefix}.transport.endpoint": LINEAGE_PATH,
        f"{prefix}.transport.auth.type": "api_key",
        f"{prefix}.transport.auth.apiKey": job.token,
        f"{prefix}.transport.timeoutInMillis": "20000",
        f"{prefix}.namespace": job.namespace,
        f"{prefix}.appName": job.name,
        **{f"{prefix}.parent{key}": value for key, value in parent.items()},
        **{f"{prefix}.rootParent{key}": value for key, value in parent.items()},
        # Filters and joins are told once a dataset, not once a column of it.
        f"{prefix}.columnLineage.datasetLineageEnabled": "true",
        # The logical plan may hold literals of the query; the rest of the event says what is needed.
        f"{prefix}.facets.spark.logicalPlan.disabled": "true",
        f"{prefix}.facets.spark_unknown.disabled": "true",
    }


def _escape(value: str) -> str:
    """A value in a Java properties file (java.util.Properties, `load`)."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
