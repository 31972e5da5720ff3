from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = "Ingestion"

    def ready(self) -> None:
        """Tell the sweep of orphans since when landings under way write files."""
        from ingestion.queries import oldest_landing
        from storage.services.writers import register_writers

        register_writers(self.name, oldest_landing)
