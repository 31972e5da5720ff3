from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        """Become the audit log behind the port of `core`, and what answers django-guardian's calls."""
        from core import audit
        from governance.object_permissions import install
        from governance.services.audit import record

        audit.register_sink(record)
        install()
