"""A form for rows that are kept as YAML documents, each under a name of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from core.errors import LakewardenError
from governance.policy.documents import dump_documents, load_documents


class DocumentForm(forms.ModelForm[Any]):
    """Reads one document; a mistake is shown beside the text, with its place. `document` is in the cleaned data."""

    noun: ClassVar[str]

    text = forms.CharField(
        label="Document (YAML)",
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 22, "spellcheck": "false", "style": "font-family: monospace"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["text"].initial = dump_documents([self.instance.document])

    def parse(self, document: Mapping[str, Any]) -> Any:
        """What the document states, with its `name`. Raises LakewardenError for what is no such document."""
        raise NotImplementedError

    def stored_name(self) -> str:
        """The name of the row that is changed."""
        return str(self.instance.name)

    def clean_text(self) -> str:
        """Read the document here, so that the form shows what is wrong."""
        text: str = self.cleaned_data["text"]
        try:
            documents = load_documents(text)
            if len(documents) != 1:
                raise ValidationError(f"expected one {self.noun} document")
            parsed = self.parse(documents[0])
        except LakewardenError as error:
            raise ValidationError(error.message) from None
        if self.instance.pk and parsed.name != self.stored_name():
            raise ValidationError(
                f"the name of a {self.noun} does not change; make a new one instead"
            )
        self.cleaned_data["document"] = documents[0]
        return text
