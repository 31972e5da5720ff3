"""What search looks at: the words of each dataset, and the dictionary of all words."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from catalog.models.dataset import Dataset


class SearchEntry(models.Model):
    """The words of one dataset, written in the transaction of the change by `catalog_refresh_search_words`.

    INVARIANT: `names` holds what everybody knows who may discover the dataset, `words` all that its metadata says.
    Beside plain words, lower-case and without marks, there are whole terms behind a letter: `n=` the name, `l=` its last
    part, `c=` a column, `t=` a tag and `o=` an owner.
    """

    dataset = models.OneToOneField(
        Dataset, primary_key=True, on_delete=models.CASCADE, related_name="search_entry"
    )
    names = SearchVectorField()
    words = SearchVectorField()

    class Meta:
        indexes = [
            GinIndex(fields=["names"], name="search_entry_names", gin_pending_list_limit=512),
            GinIndex(fields=["words"], name="search_entry_words", gin_pending_list_limit=512),
        ]

    def __str__(self) -> str:
        return f"words of {self.dataset_id}"


class WordRole(models.IntegerChoices):
    WORD = 1, "a word of a name or a text"
    COLUMN = 2, "the whole name of a column"


class SearchWord(models.Model):
    """A word that some dataset has, or had: for spelling and suggestions, which look whether anybody may see it.

    Not unique: two writers of the same new word need not wait for each other.
    """

    role = models.SmallIntegerField(choices=WordRole)
    word = models.CharField(max_length=500)

    class Meta:
        indexes = [
            models.Index(
                OpClass("word", name="text_pattern_ops"), "role", name="search_word_prefix"
            ),
            GinIndex(
                OpClass("word", name="gin_trgm_ops"),
                name="search_word_trgm",
                condition=models.Q(role=WordRole.WORD),
            ),
        ]

    def __str__(self) -> str:
        return self.word
