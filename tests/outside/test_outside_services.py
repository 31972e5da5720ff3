"""The product over PostgreSQL, Valkey and Kafka with TLS by a private CA and passwords, by environment variables alone."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kombu
import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from config.env import read_settings
from stack.ports import HOST, Ports
from tests.outside.servers import wait_for

ROOT = Path(__file__).resolve().parents[2]
RECORDS = 500
SOURCE = {
    "name": "orders",
    "kind": "kafka",
    "config": {"topic": "orders"},
    "namespace": "raw",
    "table": "orders",
    "format": "json",
    "columns": [
        {"name": "id", "type": "long", "required": True},
        {"name": "what", "type": "string"},
    ],
}

pytestmark = pytest.mark.outside


@pytest.fixture(scope="module")
def product(outside, tmp_path_factory) -> Iterator["Client"]:
    """Schema, first administrator, a web server and an ingestion worker, started as the how-to page says."""
    for words in (("migrate", "--verbosity", "0"), ("bootstrap",), ("collectstatic", "--noinput")):
        done = outside.manage(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    ports = Ports(tmp_path_factory.mktemp("web") / "ports.json")
    ports.choose(["web_outside"])
    port = ports["web_outside"]
    granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi"]
    celery = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "ingestion"]
    with (
        started(outside, "web", *granian, "config.wsgi:application", "--port", str(port)),
        started(
            outside, "worker", *celery, "--loglevel", "INFO", "--concurrency", "1", says=" ready."
        ),
    ):
        client = Client(port, outside.env["LAKEWARDEN_ADMIN_TOKEN"])
        client.wait_until_it_answers()
        yield client


@contextmanager
def started(outside, name: str, *argv: str, says: str = "Started worker") -> Iterator[None]:
    log = outside.logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=outside.env, stdout=output, stderr=output)
    try:
        wait_for(lambda: says in log.read_text(), process=process, log=log, seconds=60)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


class Client:
    """Speaks to the web server as the proxy that ends TLS before it would."""

    def __init__(self, port: int, token: str) -> None:
        self.base = f"http://{HOST}:{port}"
        self.headers = {
            "Authorization": f"Bearer {token}",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        url = self.base + path
        request = urllib.request.Request(url, data, self.headers, method=method)  # noqa: S310  # http, see above
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code}: {error.read().decode()}") from None

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.call("GET", "/healthz")
            except (AssertionError, OSError):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            else:
                return


def test_every_dependency_is_ready(product):
    assert product.call("GET", "/readyz")["status"] == "ok"


def test_a_topic_lands_end_to_end(outside, product):
    config = read_settings(outside.env).kafka.as_librdkafka()
    admin = AdminClient(config)
    admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(20)
    producer = Producer(config)
    for number in range(RECORDS):
        producer.produce("orders", json.dumps({"id": number, "what": f"thing {number}"}))
    assert producer.flush(20) == 0
    product.call("POST", "/api/v1/ingestion/sources", SOURCE)
    product.call("POST", "/api/v1/ingestion/sources/orders/land")
    deadline = time.monotonic() + 60
    while (source := product.call("GET", "/api/v1/ingestion/sources/orders"))["landed"] < RECORDS:
        assert time.monotonic() < deadline, source
        time.sleep(0.3)
    assert (source["landed"], source["rejected"], source["lag"]) == (RECORDS, 0, 0)
    rows = product.call("GET", f"/api/v1/catalog/datasets/{source['dataset']}/rows?limit=1000")
    assert sorted(row[:2] for row in rows["rows"]) == [
        [number, f"thing {number}"] for number in range(RECORDS)
    ]


def test_postgresql_and_redis_refuse_what_is_not_encrypted(outside, product):
    plain = outside.env["DATABASE_URL"].split("?")[0] + "?sslmode=disable"
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(plain)
    with psycopg.connect(outside.env["DATABASE_URL"]) as connection:
        sessions = connection.execute(
            "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'lakewarden'"
        ).fetchall()
    assert sessions == [(True,)]


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("DATABASE_URL", "certificate verify failed"),
        ("REDIS_URL", "Redis at `REDIS_URL` failed: ConnectionError"),
    ],
)
def test_a_server_that_the_ca_did_not_sign_is_not_trusted(outside, variable, message):
    changed = outside.env[variable].replace("/ca.pem", "/other-ca.pem")
    done = outside.manage("check", "--database", "default", **{variable: changed})
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize(("ca", "is_trusted"), [("ca.pem", True), ("other-ca.pem", False)])
def test_celery_checks_the_certificate_of_its_broker(outside, ca, is_trusted):
    url = outside.env["REDIS_URL"].replace("/ca.pem", f"/{ca}")
    with kombu.Connection(url, connect_timeout=5) as connection:
        if is_trusted:
            connection.default_channel.client.ping()
        else:
            with pytest.raises(
                kombu.exceptions.OperationalError, match="certificate verify failed"
            ):
                connection.ensure_connection(max_retries=1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"KAFKA_SASL_MECHANISM": "PLAIN"}, None),
        ({"KAFKA_SASL_PASSWORD": "wrong"}, "authentication"),
        ({"KAFKA_SSL_CA_LOCATION": "other-ca.pem"}, "ssl"),
    ],
)
def test_kafka_takes_whom_it_should(outside, changes, error):
    if "KAFKA_SSL_CA_LOCATION" in changes:
        changes = {"KAFKA_SSL_CA_LOCATION": str(outside.certificates / "other-ca.pem")}
    config = read_settings({**outside.env, **changes}).kafka.as_librdkafka()
    told: list[str] = []
    client = AdminClient({**config, "error_cb": lambda each: told.append(each.str().lower())})
    if error is None:
        assert client.list_topics(timeout=20).brokers
        return
    with pytest.raises(Exception, match=r"_TRANSPORT|_TIMED_OUT|broker"):
        client.list_topics(timeout=3)
    client.poll(1)
    assert any(error in each for each in told), told
