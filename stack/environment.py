"""The environment variables that tell the product, its tests and scripts where everything is."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stack import artifacts, java
from stack.errors import InstallError
from stack.ports import HOST

if TYPE_CHECKING:
    from stack.services.base import Context

ADMIN_USER = "admin"
# What commands connect by owns the tables; web server, workers and beat get this one for it.
RUNTIME_URL = "LAKEWARDEN_RUNTIME_DATABASE_URL"


def variables(context: "Context") -> dict[str, str]:
    """Return the settings that point the product at this stack. They hold secrets.

    A value that the caller has set beforehand (`SPARK_MASTER`, `LAKEWARDEN_ENV`) wins where it
    does not name a service of ours.
    """
    secrets, home = context.secrets, context.home
    found = {
        "LAKEWARDEN_ENV": os.environ.get("LAKEWARDEN_ENV", "development"),
        "LAKEWARDEN_HOME": str(home.root),
        "LAKEWARDEN_SECRET_KEY": secrets["secret_key"],
        "LAKEWARDEN_DATA_DIR": str(home.work),
        "LAKEWARDEN_AUDIT_KEY_FILE": str(home.audit_key_file),
        "LAKEWARDEN_AUDIT_MASTER_KEY_FILE": str(home.audit_master_key_file),
        "LAKEWARDEN_ADMIN_USER": ADMIN_USER,
        "LAKEWARDEN_ADMIN_PASSWORD": secrets["admin_password"],
        "LAKEWARDEN_ADMIN_TOKEN": secrets["admin_token"],
        "SPARK_MASTER": os.environ.get("SPARK_MASTER", "local[2]"),
    }
    return found | _addresses(context) | _java_variables()


def _addresses(context: "Context") -> dict[str, str]:
    ports, secrets = context.ports, context.secrets
    found = {}
    if "web" in ports:
        found["LAKEWARDEN_URL"] = f"http://{HOST}:{ports['web']}"
    if "postgres" in ports:
        place = f"{HOST}:{ports['postgres']}/lakewarden"
        found["DATABASE_URL"] = f"postgresql://lakewarden:{secrets['postgres']}@{place}"
        # A folder from before there was this role has no password for it until its next start.
        if "postgres_app" in secrets:
            found[RUNTIME_URL] = f"postgresql://lakewarden_app:{secrets['postgres_app']}@{place}"
    if "valkey" in ports:
        found["REDIS_URL"] = f"redis://:{secrets['valkey']}@{HOST}:{ports['valkey']}/0"
    if "kafka" in ports:
        found["KAFKA_BOOTSTRAP_SERVERS"] = f"{HOST}:{ports['kafka']}"
        found["KAFKA_SECURITY_PROTOCOL"] = "PLAINTEXT"
    if "s3_s3" in ports:
        found |= {
            "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{ports['s3_s3']}",
            "AWS_ACCESS_KEY_ID": secrets["s3_access_key"],
            "AWS_SECRET_ACCESS_KEY": secrets["s3_secret_key"],
            "AWS_REGION": "us-east-1",
            "LAKEWARDEN_HOT_URL": "s3://lakewarden-hot",
            "LAKEWARDEN_COLD_URL": "s3://lakewarden-cold",
        }
    return found


def _java_variables() -> dict[str, str]:
    try:
        return {
            "JAVA_HOME": str(java.spark_home()),
            "SPARK_JARS_DIR": str(artifacts.spark_jars_dir()),
        }
    except InstallError:
        return {}


def as_exports(values: dict[str, str]) -> str:
    """Return shell lines that export `values`, quoted, and put the virtual environment on the PATH."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(values.items())]
    return (
        "\n".join([*lines, f'export PATH={shlex.quote(str(Path(sys.prefix) / "bin"))}:"$PATH"'])
        + "\n"
    )
