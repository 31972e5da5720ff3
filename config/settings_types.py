"""Settings as the type checker loads them: placeholders for what the environment must give, no service used."""

import os

_PLACEHOLDERS = {
    "LAKEWARDEN_ENV": "test",
    "LAKEWARDEN_URL": "http://127.0.0.1",
    "LAKEWARDEN_SECRET_KEY": "type-checking-only-" * 3,
    "LAKEWARDEN_DATA_DIR": "/nonexistent",
    "LAKEWARDEN_AUDIT_KEY_FILE": "/nonexistent/audit.pem",
    "LAKEWARDEN_AUDIT_MASTER_KEY_FILE": "/nonexistent/audit-master.key",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
    "REDIS_URL": "redis://127.0.0.1/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
}
for _name, _value in _PLACEHOLDERS.items():
    os.environ.setdefault(_name, _value)

from config.settings import *  # noqa: E402, F403 - Django's own way to derive settings
