from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "ingestion"
    verbose_name = "Ingestion"

    def ready(self) -> None:
        """Tell the sweep of orphans since when landings write files, and erasures what sources keep and land elsewhere."""
        from ingestion.copies import copies_of
        from ingestion.queries import oldest_landing
        from storage.services.erasure.copies import register_copies
        from storage.services.writers import register_writers

        register_copies(self.name, copies_of)
        register_writers(self.name, oldest_landing)
