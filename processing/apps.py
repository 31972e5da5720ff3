from django.apps import AppConfig


class ProcessingConfig(AppConfig):
    name = "processing"

    def ready(self) -> None:
        """Tell the sweep of orphans since when runs under way write files."""
        from processing.queries import oldest_run
        from storage.services.writers import register_writers

        register_writers(self.name, oldest_run)
