"""What a new token is for."""

from datetime import timedelta
from typing import Any

from django import forms

from identity.models import User
from identity.models.token import PRIVILEGED_SCOPES, Scope

LIFETIMES = [
    ("1", "1 day"),
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "1 year"),
]


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="Where you will use it, so that you know it again."
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ],
        help_text="A token never reaches further than you do.",
    )
    days = forms.ChoiceField(choices=LIFETIMES, initial="30", label="Valid for")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        if isinstance(scopes, forms.MultipleChoiceField) and not user.is_superuser:
            scopes.choices = [each for each in Scope.choices if each[0] not in PRIVILEGED_SCOPES]

    @property
    def lifetime(self) -> timedelta:
        return timedelta(days=int(self.cleaned_data["days"]))
