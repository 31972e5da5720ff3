"""One set of secured servers for this folder's tests, and the product's environment that points at them."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings

from stack.home import open_home
from stack.ports import HOST, Ports
from stack.services.base import Context
from tests.outside.certificates import make_certificates
from tests.outside.servers import (
    KAFKA_USER,
    SecuredKafka,
    SecuredPostgres,
    TlsProxy,
    Valkey,
    running,
)

ROOT = Path(__file__).resolve().parents[2]
# Of the environment of the test run only these come along: the rest is what the how-to page exports.
KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")
STORE = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")


@dataclass(frozen=True)
class Outside:
    """The environment of the product, the folder of certificates, and a folder for logs."""

    env: dict[str, str]
    certificates: Path
    logs: Path

    def manage(self, *words: str, **changes: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**self.env, **changes},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture(scope="session")
def outside(object_buckets) -> Iterator[Outside]:
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="lakewarden-outside-") as folder:
        place = Path(folder)
        certificates, logs = place / "certificates", place / "logs"
        for each in (certificates, logs):
            each.mkdir()
        make_certificates(certificates)
        home = open_home(place / "home")
        home.ensure()
        stack.callback(home.remove)
        ports = Ports(home.ports_file)
        kafka = SecuredKafka(certificates, secrets.token_urlsafe(16))
        postgres, valkey = SecuredPostgres(certificates), Valkey()
        ports.choose([*kafka.port_names, *postgres.port_names, *valkey.port_names])
        context = Context(home, ports, home.secrets(), ephemeral=True)
        for service in (postgres, valkey, kafka):
            stack.enter_context(running(service, context, logs / f"{service.name}.log"))
        proxy = TlsProxy(certificates=certificates, target=ports["valkey"])
        stack.callback(proxy.close)
        env = _environment(context, certificates, kafka, proxy, data=place / "work")
        yield Outside(env, certificates, logs)


def _environment(context, certificates, kafka, proxy, *, data) -> dict[str, str]:
    """What docs/how-to/outside-services.md tells to export."""
    data.mkdir()
    ca, ports, passwords = certificates / "ca.pem", context.ports, context.secrets
    password = quote(passwords["postgres"], safe="")
    bucket = django_settings.LAKEWARDEN.hot_url.removeprefix("s3://").split("/")[0]
    prefix = f"s3://{bucket}/outside-{secrets.token_hex(4)}"
    return {
        **{name: os.environ[name] for name in (*KEPT, *STORE) if name in os.environ},
        "LAKEWARDEN_ENV": "production",
        "LAKEWARDEN_URL": "https://127.0.0.1",
        "LAKEWARDEN_SECRET_KEY": secrets.token_urlsafe(64),
        "LAKEWARDEN_DATA_DIR": str(data),
        "LAKEWARDEN_AUDIT_KEY_FILE": str(context.home.audit_key_file),
        "LAKEWARDEN_AUDIT_MASTER_KEY_FILE": str(context.home.audit_master_key_file),
        "LAKEWARDEN_ADMIN_USER": "admin",
        "LAKEWARDEN_ADMIN_PASSWORD": secrets.token_urlsafe(24),
        "LAKEWARDEN_ADMIN_TOKEN": secrets.token_urlsafe(32),
        "LAKEWARDEN_HOT_URL": f"{prefix}/hot",
        "LAKEWARDEN_COLD_URL": f"{prefix}/cold",
        "DATABASE_URL": (
            f"postgresql://lakewarden:{password}@{HOST}:{ports['postgres']}/lakewarden"
            f"?sslmode=verify-full&sslrootcert={ca}"
        ),
        "REDIS_URL": f"rediss://:{quote(passwords['valkey'], safe='')}@{HOST}:{proxy.port}/0?ssl_ca_certs={ca}",
        "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{ports['kafka']}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": KAFKA_USER,
        "KAFKA_SASL_PASSWORD": kafka.password,
        "KAFKA_SSL_CA_LOCATION": str(ca),
    }
