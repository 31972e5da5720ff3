"""Deciding whether a grant is still needed."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from governance.services.campaigns.certify import MAX_COMMENT


class CertifyForm(forms.Form):
    """`columns` and `last_day` belong to narrowing."""

    verdict = forms.ChoiceField(choices=[(each, each) for each in ("keep", "narrow", "revoke")])
    comment = forms.CharField(required=False, max_length=MAX_COMMENT)
    columns = forms.MultipleChoiceField(required=False)
    last_day = forms.DateField(required=False)

    def __init__(self, *args: Any, column_names: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = self.fields["columns"]
        if isinstance(columns, forms.MultipleChoiceField):
            columns.choices = [(name, name) for name in column_names]
        self.column_names = column_names

    def narrowed(self) -> dict[str, Any]:
        """What is left: None for what stays as it is. The last day is included, in UTC."""
        columns, day = list(self.cleaned_data["columns"]), self.cleaned_data["last_day"]
        ends = datetime.combine(day, time(tzinfo=UTC)) + timedelta(days=1) if day else None
        is_all = len(columns) in (0, len(self.column_names))
        return {"columns": None if is_all else columns, "expires_at": ends}
