from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        """Register the system checks, and offer the catalog's state to Prometheus."""
        from api import checks  # noqa: F401 - importing registers them
        from api.metrics import register_state_collector

        register_state_collector()
