from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        """Offer the state of the catalog to Prometheus."""
        from api.metrics import register_state_collector

        register_state_collector()
