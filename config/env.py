"""Settings from the environment: typed, complete, and loud about what is wrong.

Every variable that the service reads is a field here, and nowhere else. A missing or wrong value stops the
start with the variable's name and what it must be. No secret has a default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote

from config.reader import Reader, SettingsError

ENVIRONMENTS = ("development", "production", "test")
KAFKA_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
# S3's own two ("Using S3 Object Lock"): in the second an administrator of the bucket may still remove.
RETENTION_MODES = ("COMPLIANCE", "GOVERNANCE")
MAX_REQUESTS_A_MINUTE = 10_000_000
MAX_BREAK_GLASS_MINUTES = 240


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    options: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class KafkaSettings:
    """What librdkafka needs to reach the brokers."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str | None
    sasl_username: str | None
    sasl_password: str | None = field(repr=False)
    ssl_ca_location: str | None

    def as_librdkafka(self) -> dict[str, str]:
        """The connection part of a librdkafka configuration."""
        pairs = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password,
            "ssl.ca.location": self.ssl_ca_location,
        }
        return {key: value for key, value in pairs.items() if value}


@dataclass(frozen=True, kw_only=True)
class S3Settings:
    """How to reach the object store; `endpoint_url` is None for AWS itself."""

    endpoint_url: str | None
    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)
    region: str


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
    """Which cluster runs pipelines, and with which jars and Java."""

    master: str
    jars_dir: Path | None
    java_home: str | None
    driver_memory: str


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """Requests a minute, each also the size of a burst; 0 is no limit."""

    principal: int
    protocol: int
    anonymous: int


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """The OpenID Connect provider that people may sign in through; claims are those of its ID tokens.

    `groups` maps a value of `groups_claim` to the name of a group here. `link_claim` holds what the provider's SCIM
    client sends as `externalId`.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str
    scopes: str
    username_claim: str
    groups_claim: str | None
    groups: dict[str, str]
    link_claim: str
    create_users: bool


@dataclass(frozen=True, kw_only=True)
class EmailSettings:
    """The SMTP server that our messages leave through; `tls` is `none`, `start` (STARTTLS) or `always`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: str
    sender: str


@dataclass(frozen=True, kw_only=True)
class AuditArchiveSettings:
    """Where copies of the audit log go, and for how many days the store must refuse their removal (0: not)."""

    url: str
    retention_days: int
    retention_mode: str


@dataclass(frozen=True, kw_only=True)
class LakewardenSettings:
    """All that the service reads from its environment."""

    environment: str
    secret_key: str = field(repr=False)
    url: SplitResult
    allowed_hosts: tuple[str, ...]
    data_dir: Path
    audit_key_file: Path
    audit_master_key_file: Path
    audit_second_master_key_file: Path | None
    audit_archive: AuditArchiveSettings | None
    database: DatabaseSettings
    redis_url: str = field(repr=False)
    kafka: KafkaSettings
    s3: S3Settings
    hot_url: str
    cold_url: str
    spark: SparkSettings
    service_token_file: Path
    ingest_roots: tuple[Path, ...]
    max_body_bytes: int
    max_upload_bytes: int
    max_import_bytes: int
    require_if_match: bool
    rate_limits: RateLimits
    trusted_proxies: int
    event_retention_days: int
    stale_run_hours: int
    trino_catalog: str
    oidc: OidcSettings | None
    staff_second_factor: bool
    break_glass_minutes: int
    break_glass_review_hours: int
    email: EmailSettings | None
    webhook_hosts: tuple[str, ...]

    @property
    def is_production(self) -> bool:
        return self.environment == "production"


def read_settings(environ: Mapping[str, str]) -> LakewardenSettings:
    """Return the settings of `environ`, or raise SettingsError naming the first wrong variable."""
    reader = Reader(environ)
    url = reader.url("LAKEWARDEN_URL", ("http", "https"))
    environment = reader.choice("LAKEWARDEN_ENV", ENVIRONMENTS, "production")
    data_dir = Path(reader.text("LAKEWARDEN_DATA_DIR"))
    reader.url("REDIS_URL", ("redis", "rediss", "unix"))
    return LakewardenSettings(
        environment=environment,
        secret_key=reader.secret("LAKEWARDEN_SECRET_KEY"),
        url=url,
        allowed_hosts=_allowed_hosts(reader, url),
        data_dir=data_dir,
        audit_key_file=Path(reader.text("LAKEWARDEN_AUDIT_KEY_FILE")),
        audit_master_key_file=Path(reader.text("LAKEWARDEN_AUDIT_MASTER_KEY_FILE")),
        audit_second_master_key_file=reader.path("LAKEWARDEN_AUDIT_SECOND_MASTER_KEY_FILE"),
        audit_archive=_audit_archive(reader),
        database=_database(reader),
        redis_url=reader.text("REDIS_URL"),
        kafka=_kafka(reader),
        s3=_s3(reader),
        hot_url=reader.text("LAKEWARDEN_HOT_URL", "s3://lakewarden-hot"),
        cold_url=reader.text("LAKEWARDEN_COLD_URL", "s3://lakewarden-cold"),
        spark=_spark(reader),
        service_token_file=Path(
            reader.text("LAKEWARDEN_SERVICE_TOKEN_FILE", str(data_dir / "service-token"))
        ),
        ingest_roots=tuple(
            Path(part)
            for part in reader.text("LAKEWARDEN_INGEST_ROOTS", str(data_dir / "inbox")).split(":")
        ),
        max_body_bytes=reader.integer(
            "LAKEWARDEN_MAX_BODY_BYTES", 10 << 20, low=1 << 10, high=1 << 30
        ),
        max_upload_bytes=reader.integer(
            "LAKEWARDEN_MAX_UPLOAD_BYTES", 512 << 20, low=1 << 10, high=1 << 40
        ),
        max_import_bytes=reader.integer(
            "LAKEWARDEN_MAX_IMPORT_BYTES", 16 << 30, low=1 << 10, high=1 << 44
        ),
        require_if_match=reader.flag("LAKEWARDEN_REQUIRE_IF_MATCH", default=False),
        rate_limits=_rate_limits(reader),
        trusted_proxies=reader.integer("LAKEWARDEN_TRUSTED_PROXIES", 0, low=0, high=10),
        event_retention_days=reader.integer(
            "LAKEWARDEN_EVENT_RETENTION_DAYS", 0, low=0, high=36_500
        ),
        stale_run_hours=reader.integer("LAKEWARDEN_STALE_RUN_HOURS", 24, low=1, high=8_760),
        trino_catalog=reader.text("LAKEWARDEN_TRINO_CATALOG", "lakewarden"),
        oidc=_oidc(reader, environment),
        staff_second_factor=reader.flag("LAKEWARDEN_STAFF_SECOND_FACTOR", default=False),
        break_glass_minutes=reader.integer(
            "LAKEWARDEN_BREAK_GLASS_MINUTES", 60, low=1, high=MAX_BREAK_GLASS_MINUTES
        ),
        break_glass_review_hours=reader.integer(
            "LAKEWARDEN_BREAK_GLASS_REVIEW_HOURS", 72, low=1, high=720
        ),
        email=_email(reader, url),
        webhook_hosts=_listed(reader, "LAKEWARDEN_WEBHOOK_HOSTS"),
    )


def _audit_archive(reader: Reader) -> AuditArchiveSettings | None:
    if not reader.optional("LAKEWARDEN_AUDIT_ARCHIVE_URL"):
        return None
    return AuditArchiveSettings(
        url=reader.url("LAKEWARDEN_AUDIT_ARCHIVE_URL", ("s3",)).geturl(),
        retention_days=reader.integer("LAKEWARDEN_AUDIT_RETENTION_DAYS", 0, low=0, high=36_500),
        retention_mode=reader.choice(
            "LAKEWARDEN_AUDIT_RETENTION_MODE", RETENTION_MODES, "COMPLIANCE"
        ),
    )


def _oidc(reader: Reader, environment: str) -> OidcSettings | None:
    issuer = reader.optional("LAKEWARDEN_OIDC_ISSUER")
    if not issuer:
        return None
    reader.url(
        "LAKEWARDEN_OIDC_ISSUER", ("https",) if environment == "production" else ("https", "http")
    )
    return OidcSettings(
        issuer=issuer,
        client_id=reader.text("LAKEWARDEN_OIDC_CLIENT_ID"),
        client_secret=reader.text("LAKEWARDEN_OIDC_CLIENT_SECRET"),
        label=reader.text("LAKEWARDEN_OIDC_LABEL", "single sign-on"),
        scopes=reader.text("LAKEWARDEN_OIDC_SCOPES", "openid profile email"),
        username_claim=reader.text("LAKEWARDEN_OIDC_USERNAME_CLAIM", "preferred_username"),
        groups_claim=reader.optional("LAKEWARDEN_OIDC_GROUPS_CLAIM"),
        groups=_pairs(reader, "LAKEWARDEN_OIDC_GROUPS"),
        link_claim=reader.text("LAKEWARDEN_OIDC_LINK_CLAIM", "sub"),
        create_users=reader.flag("LAKEWARDEN_OIDC_CREATE_USERS", default=False),
    )


def _email(reader: Reader, site: SplitResult) -> EmailSettings | None:
    if reader.optional("LAKEWARDEN_EMAIL_URL") is None:
        return None
    parts = reader.url("LAKEWARDEN_EMAIL_URL", ("smtp", "smtp+starttls", "smtps"))
    tls = {"smtp": "none", "smtp+starttls": "start", "smtps": "always"}[parts.scheme]
    return EmailSettings(
        host=parts.hostname or "",
        port=parts.port or {"none": 25, "start": 587, "always": 465}[tls],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        sender=reader.text("LAKEWARDEN_EMAIL_FROM", f"lakewarden@{site.hostname}"),
    )


def _listed(reader: Reader, name: str) -> tuple[str, ...]:
    """Comma-separated texts; empty where nothing is given."""
    return tuple(part.strip() for part in (reader.optional(name) or "").split(",") if part.strip())


def _pairs(reader: Reader, name: str) -> dict[str, str]:
    """`a=b,c=d` as a mapping; empty where nothing is given."""
    pairs = [part.strip() for part in (reader.optional(name) or "").split(",") if part.strip()]
    if not all("=" in pair for pair in pairs):
        raise SettingsError(name, "must be pairs such as `theirs=ours`, comma-separated")
    return {key.strip(): value.strip() for key, value in (pair.split("=", 1) for pair in pairs)}


def _rate_limits(reader: Reader) -> RateLimits:
    def per_minute(name: str, default: int) -> int:
        return reader.integer(name, default, low=0, high=MAX_REQUESTS_A_MINUTE)

    return RateLimits(
        principal=per_minute("LAKEWARDEN_RATE_LIMIT", 3_000),
        protocol=per_minute("LAKEWARDEN_RATE_LIMIT_PROTOCOLS", 60_000),
        anonymous=per_minute("LAKEWARDEN_RATE_LIMIT_ANONYMOUS", 600),
    )


def _allowed_hosts(reader: Reader, url: SplitResult) -> tuple[str, ...]:
    extra = reader.text("LAKEWARDEN_ALLOWED_HOSTS", "-")
    hosts = [] if extra == "-" else [host.strip() for host in extra.split(",") if host.strip()]
    return tuple(dict.fromkeys([url.hostname or "", *hosts]))


def _database(reader: Reader) -> DatabaseSettings:
    parts = reader.url("DATABASE_URL", ("postgresql", "postgres"))
    name = parts.path.lstrip("/")
    if not name:
        raise SettingsError("DATABASE_URL", "must end with the database's name")
    return DatabaseSettings(
        host=parts.hostname or "",
        port=parts.port or 5432,
        name=unquote(name),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        options=dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair),
    )


def _kafka(reader: Reader) -> KafkaSettings:
    protocol = reader.choice("KAFKA_SECURITY_PROTOCOL", KAFKA_PROTOCOLS, "PLAINTEXT")
    mechanism = reader.optional("KAFKA_SASL_MECHANISM")
    if protocol.startswith("SASL") and not mechanism:
        raise SettingsError("KAFKA_SASL_MECHANISM", f"is needed with protocol `{protocol}`")
    return KafkaSettings(
        bootstrap_servers=reader.text("KAFKA_BOOTSTRAP_SERVERS"),
        security_protocol=protocol,
        sasl_mechanism=mechanism,
        sasl_username=reader.optional("KAFKA_SASL_USERNAME"),
        sasl_password=reader.optional("KAFKA_SASL_PASSWORD"),
        ssl_ca_location=reader.optional("KAFKA_SSL_CA_LOCATION"),
    )


def _s3(reader: Reader) -> S3Settings:
    if reader.optional("AWS_ENDPOINT_URL_S3"):
        reader.url("AWS_ENDPOINT_URL_S3", ("http", "https"))
    return S3Settings(
        endpoint_url=reader.optional("AWS_ENDPOINT_URL_S3"),
        access_key_id=reader.optional("AWS_ACCESS_KEY_ID"),
        secret_access_key=reader.optional("AWS_SECRET_ACCESS_KEY"),
        region=reader.text("AWS_REGION", "us-east-1"),
    )


def _spark(reader: Reader) -> SparkSettings:
    jars = reader.optional("SPARK_JARS_DIR")
    return SparkSettings(
        master=reader.text("SPARK_MASTER", "local[2]"),
        jars_dir=Path(jars) if jars else None,
        java_home=reader.optional("JAVA_HOME"),
        driver_memory=reader.text("SPARK_DRIVER_MEMORY", "1g"),
    )
