from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        """Become the audit log behind the port of `core`."""
        from core import audit
        from governance.services.audit import record

        audit.register_sink(record)
