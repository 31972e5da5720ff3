"""This process as a web process of the product is: its applications, and its settings of the garbage collector."""

import importlib


def become_web_process() -> None:
    """Load what granian loads, for questions that are answered in the process of the benchmark."""
    importlib.import_module("config.wsgi")
