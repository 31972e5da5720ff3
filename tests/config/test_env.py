"""A wrong setting stops the start with its name."""

import re
from pathlib import Path

import pytest

from config.env import read_settings
from config.reader import SettingsError

GOOD = {
    "LAKEWARDEN_URL": "http://127.0.0.1:8000",
    "LAKEWARDEN_SECRET_KEY": "s" * 50,
    "LAKEWARDEN_DATA_DIR": "/tmp/lakewarden",
    "LAKEWARDEN_AUDIT_KEY_FILE": "/tmp/lakewarden/audit.pem",
    "LAKEWARDEN_AUDIT_MASTER_KEY_FILE": "/tmp/lakewarden/audit-master.key",
    "DATABASE_URL": "postgresql://user:p%40ss@db.example:5433/catalog?sslmode=require",
    "REDIS_URL": "redis://:secret@127.0.0.1:6379/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
}
REQUIRED = sorted(GOOD)


def test_reads_a_complete_environment():
    settings = read_settings(GOOD)
    assert settings.environment == "production"
    assert settings.allowed_hosts == ("127.0.0.1",)
    database = settings.database
    assert (database.host, database.port, database.name, database.user, database.password) == (
        "db.example",
        5433,
        "catalog",
        "user",
        "p@ss",
    )
    assert database.options == {"sslmode": "require"}
    assert settings.kafka.as_librdkafka() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_variable_is_named(name):
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, name: ""})
    assert caught.value.name == name
    assert f"`{name}`" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKEWARDEN_ENV", "staging"),
        ("LAKEWARDEN_URL", "127.0.0.1:8000"),
        ("LAKEWARDEN_SECRET_KEY", "short"),
        ("DATABASE_URL", "mysql://db/catalog"),
        ("DATABASE_URL", "postgresql://db"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("AWS_ENDPOINT_URL_S3", "localhost:9000"),
        ("LAKEWARDEN_MAX_BODY_BYTES", "ten"),
        ("LAKEWARDEN_MAX_BODY_BYTES", "1"),
        ("LAKEWARDEN_RATE_LIMIT", "-1"),
        ("LAKEWARDEN_RATE_LIMIT_PROTOCOLS", "many"),
        ("LAKEWARDEN_RATE_LIMIT_ANONYMOUS", "1.5"),
        ("LAKEWARDEN_TRUSTED_PROXIES", "11"),
        ("LAKEWARDEN_BREAK_GLASS_MINUTES", "241"),
        ("LAKEWARDEN_BREAK_GLASS_REVIEW_HOURS", "0"),
    ],
)
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, name: value})
    assert caught.value.name == name


def test_sasl_needs_a_mechanism():
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert caught.value.name == "KAFKA_SASL_MECHANISM"


def test_no_secret_is_in_the_representation():
    text = repr(read_settings({**GOOD, "AWS_SECRET_ACCESS_KEY": "very-secret"}))
    for secret in ("s" * 50, "p@ss", "redis://:secret", "very-secret"):
        assert secret not in text


def test_the_reference_names_every_variable_and_no_other():
    root = Path(__file__).resolve().parents[2]
    pattern = re.compile(
        r"[\"`]((?:LAKEWARDEN|KAFKA|AWS|SPARK|DATABASE|REDIS|JAVA)_[A-Z0-9_]+)[\"`]"
    )
    read = set(pattern.findall((root / "config" / "env.py").read_text()))
    documented = set(pattern.findall((root / "docs" / "reference" / "settings.md").read_text()))
    assert documented == read


OIDC = {
    "LAKEWARDEN_OIDC_ISSUER": "https://login.example.org/realms/company",
    "LAKEWARDEN_OIDC_CLIENT_ID": "lakewarden",
    "LAKEWARDEN_OIDC_CLIENT_SECRET": "a-very-secret-text",
}


def test_signing_in_through_a_provider_is_off_unless_it_is_set_up():
    assert read_settings(GOOD).oidc is None
    found = read_settings({**GOOD, **OIDC, "LAKEWARDEN_OIDC_GROUPS": "a = x , b=y=z,"}).oidc
    assert found is not None
    assert (found.issuer, found.create_users) == (OIDC["LAKEWARDEN_OIDC_ISSUER"], False)
    assert found.groups == {"a": "x", "b": "y=z"}
    assert "a-very-secret-text" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKEWARDEN_OIDC_ISSUER", "http://login.example.org"),
        ("LAKEWARDEN_OIDC_CLIENT_ID", ""),
        ("LAKEWARDEN_OIDC_CLIENT_SECRET", ""),
        ("LAKEWARDEN_OIDC_GROUPS", "analysts"),
        ("LAKEWARDEN_OIDC_CREATE_USERS", "yes"),
    ],
)
def test_a_provider_that_is_half_set_up_stops_the_start(name, value):
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, "LAKEWARDEN_ENV": "production", **OIDC, name: value})
    assert caught.value.name == name
