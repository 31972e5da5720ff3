"""Recording OpenLineage events: what they tell becomes datasets, fields, versions, jobs, runs and edges."""

from catalog.services.openlineage.recording import record_event, record_parsed

__all__ = ["record_event", "record_parsed"]
