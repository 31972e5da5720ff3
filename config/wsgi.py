"""The WSGI entry point that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_django = get_wsgi_application()

from api.openlineage.short_cut import with_short_cut  # noqa: E402 - it needs the settings and the apps

application = with_short_cut(_django)

# What is loaded by now stays: the garbage collector need not look at it again with every large answer.
gc.collect()
gc.freeze()
# A request's JSON is thousands of objects that are in no circle: at the default of 700 the collector would go through
# them again and again while they are made.
gc.set_threshold(50_000, 20, 20)
