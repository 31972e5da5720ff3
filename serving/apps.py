from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        """Tell the planning of erasures which models learned from what."""
        from serving.copies import copies_of
        from storage.services.erasure.copies import register_copies

        register_copies(self.name, copies_of)
