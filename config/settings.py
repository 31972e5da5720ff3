"""Django's settings, all derived from `config.env.read_settings`."""

import os
from pathlib import Path

import django_stubs_ext
import pghistory
import structlog
from django.urls import reverse_lazy
from structlog.typing import Processor

from config.env import LakewardenSettings, read_settings

# Makes Django's generic classes subscriptable at run time, as the type checker needs them.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
LAKEWARDEN: LakewardenSettings = read_settings(os.environ)

SECRET_KEY = LAKEWARDEN.secret_key
DEBUG = False  # a stack trace never reaches a client, in no environment
ALLOWED_HOSTS = list(LAKEWARDEN.allowed_hosts)
_SECURE = LAKEWARDEN.url.scheme == "https"
CSRF_TRUSTED_ORIGINS = [f"{LAKEWARDEN.url.scheme}://{LAKEWARDEN.url.netloc}"]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin.apps.SimpleAdminConfig",  # config/urls.py finds the admin pages: no worker needs them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "django_celery_beat",
    "identity",
    "catalog",
    "governance",
    "storage",
    "query",
    "ingestion",
    "processing",
    "serving",
    "api",
    "web",
]

MIDDLEWARE = [
    "api.middleware.RequestIdMiddleware",
    "api.middleware.ClientAddressMiddleware",
    "api.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "api.middleware.TargetLimitMiddleware",
    "api.middleware.BodyLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "api.middleware.TokenMiddleware",
    "api.middleware.AuthorityMiddleware",
    "api.middleware.RateLimitMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "web.middleware.SecondFactorMiddleware",
    "web.middleware.PageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
# guardian: no anonymous user row, since nobody acts without a name; each grant table is its own (governance).
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_DB = LAKEWARDEN.database
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _DB.host,
        "PORT": _DB.port,
        "NAME": _DB.name,
        "USER": _DB.user,
        "PASSWORD": _DB.password,
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **_DB.options},
        "TEST": {"NAME": os.environ.get("LAKEWARDEN_TEST_DB", f"test_{_DB.name}")},
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Decision facts are recorded by trigger at every change, so that any past state can be asked for.
PGHISTORY_DEFAULT_TRACKERS = (
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": LAKEWARDEN.redis_url,
    },
}

# Passwords and sessions.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("web:sign-in")
LOGIN_REDIRECT_URL = reverse_lazy("web:home")
LOGOUT_REDIRECT_URL = reverse_lazy("web:sign-in")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = _SECURE
CSRF_COOKIE_SECURE = _SECURE
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "api.problems.csrf_failure"
SECURE_SSL_REDIRECT = _SECURE
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _SECURE
SECURE_HSTS_PRELOAD = _SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The embedded stack speaks plain HTTP on loopback, where these four cannot hold.
SILENCED_SYSTEM_CHECKS = (
    [] if _SECURE else ["security.W004", "security.W008", "security.W012", "security.W016"]
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        # unfold's Alpine build evaluates expressions in attributes.
        "script-src": ["'self'", "'unsafe-eval'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'self'"],
        "object-src": ["'none'"],
    },
}

# E-mail: to nobody where no server is named.
_EMAIL = LAKEWARDEN.email
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _EMAIL else 'dummy'}.EmailBackend"
EMAIL_TIMEOUT = 10
if _EMAIL is not None:
    EMAIL_HOST, EMAIL_PORT = _EMAIL.host, _EMAIL.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _EMAIL.user, _EMAIL.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _EMAIL.tls == "start", _EMAIL.tls == "always"
    DEFAULT_FROM_EMAIL = _EMAIL.sender

# Bodies: the middleware refuses what is larger; uploads stream to disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = LAKEWARDEN.max_body_bytes
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

STATIC_URL = "/static/"
STATIC_ROOT = LAKEWARDEN.data_dir / "static"
STATICFILES_DIRS = [BASE_DIR / "web" / "static"] if (BASE_DIR / "web" / "static").is_dir() else []

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.LimitedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "api.documentation.DescribedSchema",
    "EXCEPTION_HANDLER": "api.problems.handle_exception",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lakewarden",
    "DESCRIPTION": "Catalog, lineage, decisions, tiering and governed reads for the data behind AI.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
    # Members of the same name with other choices: each set of choices has its own name in the document.
    "ENUM_NAME_OVERRIDES": {
        "ProductStatusEnum": "catalog.models.product.ProductStatus",
        "PortDirectionEnum": "catalog.models.product.PortDirection",
        "ImportStateEnum": "catalog.models.bulk.ImportState",
        "PropertyTargetEnum": "catalog.models.properties.PropertyTarget",
        "DatasetKindEnum": "catalog.models.dataset.DatasetKind",
        "HolderKindEnum": ["user", "group"],
        "PipelineKindEnum": "processing.models.pipeline.PipelineKind",
        "SourceKindEnum": "ingestion.models.source.SourceKind",
        "RunStateEnum": "catalog.models.job.RunState",
        "PipelineRunStateEnum": "processing.models.run.RunState",
        "TrainingStateEnum": "serving.models.TrainingState",
        "RequestStateEnum": "governance.models.request.STATES",
        "SimulationStateEnum": "governance.models.simulation.SimulationState",
        "MovementStateEnum": "storage.models.MovementState",
        "TierNameEnum": "storage.models.location.TierName",
        "MarquezDatasetTypeEnum": ["DB_TABLE", "STREAM"],
        "MarquezJobTypeEnum": ["BATCH", "STREAM", "SERVICE"],
        "MarquezResultTypeEnum": ["DATASET", "JOB"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.documentation.add_what_operators_ask",
    ],
}

UNFOLD = {
    "SITE_TITLE": "Lakewarden",
    "SITE_HEADER": "Lakewarden",
    "SITE_URL": "/",
    "SITE_SYMBOL": "shield",
    "SHOW_HISTORY": True,
    "SIDEBAR": {"navigation": "web.admin.navigation.sidebar"},
    # The blue of the pages; each step keeps AA contrast with the text that the theme puts on it.
    "COLORS": {
        "primary": {
            "50": "oklch(97% .015 236)",
            "100": "oklch(94% .03 236)",
            "200": "oklch(88% .06 236)",
            "300": "oklch(80% .09 236)",
            "400": "oklch(69% .12 238)",
            "500": "oklch(55% .12 240)",
            "600": "oklch(46% .11 240)",
            "700": "oklch(41% .10 240)",
            "800": "oklch(36% .08 240)",
            "900": "oklch(31% .06 240)",
            "950": "oklch(24% .05 240)",
        },
    },
}

# Celery: late acknowledgement, one task at a time, and a limit on each.
CELERY_BROKER_URL = LAKEWARDEN.redis_url
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 660
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A worker that dies with a task makes Redis hand it out again after this many seconds.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

_SHARED_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "foreign_pre_chain": _SHARED_PROCESSORS,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"pyiceberg": {"level": "WARNING"}, "py4j": {"level": "WARNING"}},
}
structlog.configure(
    processors=[
        *_SHARED_PROCESSORS,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
