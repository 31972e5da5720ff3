"""Recording OpenLineage events: what they tell becomes datasets, fields, versions, jobs, runs and edges."""

from catalog.services.openlineage.group_commit import record_together
from catalog.services.openlineage.recording import record_event, record_events

__all__ = ["record_event", "record_events", "record_together"]
