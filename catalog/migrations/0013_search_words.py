"""The searched words of datasets move to a table of their own, with a dictionary beside it, and are made anew for all."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Plain words of a text: what lies between marks, in lower case; a longer one is cut, since a lexeme has 2,046 bytes at most.
PARTS = (
    "ARRAY(SELECT left(word, 200) FROM unnest("
    "string_to_array(regexp_replace(lower({0}), '[^[:alnum:]]+', ' ', 'g'), ' ')) word WHERE word <> '')"
)
# Whole terms of a list with one a line, each behind its letter; a tsvector has 1 MiB at most, about 8,000 names of columns.
WHOLE = "string_to_array('{1}=' || replace(left(lower({0}), 120000), chr(10), chr(10) || '{1}='), chr(10))"
# One function, which services and triggers call: whoever changes what a dataset is found by, it is found by the next query.
# INVARIANT: `catalog.queries.search.words_of` splits a question alike.
REFRESH = f"""
CREATE FUNCTION catalog_refresh_search_words(datasets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
-- Who changes the same dataset at once waits here, and then sees the other's change, too: what is read next is read anew.
PERFORM 1 FROM catalog_searchentry WHERE dataset_id = ANY(datasets) ORDER BY dataset_id FOR UPDATE;
WITH made AS (
    SELECT d.id,
           lower(left(d.name, 400)) AS name,
           {PARTS.format("left(d.name, 1000)")} AS name_parts,
           d.namespace, d.description,
           (SELECT string_agg(s.name, ' ') FROM catalog_datasetsymlink s WHERE s.dataset_id = d.id) AS symlinks,
           f.columns, f.descriptions, t.tags, o.owners, g.terms
      FROM catalog_dataset d
      LEFT JOIN LATERAL (
           SELECT string_agg(replace(left(name, 400), chr(10), ' '), chr(10) ORDER BY ordinal, id) AS columns,
                  string_agg(description, ' ') FILTER (WHERE description <> '') AS descriptions
             FROM catalog_field WHERE dataset_id = d.id AND removed_at IS NULL) f ON true
      LEFT JOIN LATERAL (
           SELECT string_agg(name, chr(10)) AS tags FROM catalog_tag WHERE id IN (
               SELECT tag_id FROM catalog_datasettag WHERE dataset_id = d.id
               UNION ALL
               SELECT ft.tag_id FROM catalog_field cf JOIN catalog_fieldtag ft ON ft.field_id = cf.id
                WHERE cf.dataset_id = d.id AND cf.removed_at IS NULL)) t ON true
      LEFT JOIN LATERAL (
           SELECT string_agg(coalesce(u.username, gr.name), chr(10)) AS owners
             FROM catalog_datasetowner ow
             LEFT JOIN identity_user u ON u.id = ow.user_id
             LEFT JOIN auth_group gr ON gr.id = ow.group_id
            WHERE ow.dataset_id = d.id) o ON true
      LEFT JOIN LATERAL (
           SELECT string_agg(name || ' ' || synonyms::text, ' ') AS terms FROM catalog_glossaryterm WHERE id IN (
               SELECT term_id FROM catalog_datasetterm WHERE dataset_id = d.id
               UNION ALL
               SELECT ft.term_id FROM catalog_field cf JOIN catalog_fieldterm ft ON ft.field_id = cf.id
                WHERE cf.dataset_id = d.id AND cf.removed_at IS NULL)) g ON true
     WHERE d.id = ANY(datasets)
), named AS (
    SELECT *, array_to_tsvector(name_parts || ARRAY['n=' || name, 'l=' || regexp_replace(name, '^.*[./]', '')]) AS names
      FROM made
), fresh AS (
    SELECT id, names,
           names || array_to_tsvector(
               {PARTS.format("left(concat_ws(' ', namespace, symlinks, tags, owners, terms, columns, descriptions), 120000)")}
               || {WHOLE.format("tags", "t")} || {WHOLE.format("owners", "o")} || {WHOLE.format("columns", "c")}
           ) || to_tsvector('simple', regexp_replace(left(description, 20000), '[^[:alnum:]]+', ' ', 'g')) AS words
      FROM named
), stored AS (
    INSERT INTO catalog_searchentry AS e (dataset_id, names, words)
    SELECT id, fresh.names, fresh.words FROM fresh ORDER BY id
        ON CONFLICT (dataset_id) DO UPDATE SET names = excluded.names, words = excluded.words
     WHERE e.words IS DISTINCT FROM excluded.words OR e.names IS DISTINCT FROM excluded.names
    RETURNING e.words
)
INSERT INTO catalog_searchword (role, word)
SELECT said.role, said.word FROM (
    SELECT DISTINCT CASE WHEN lexeme LIKE 'c=%' THEN 2 ELSE 1 END AS role,
                    CASE WHEN lexeme LIKE 'c=%' THEN substr(lexeme, 3) ELSE lexeme END AS word
      FROM stored, unnest(tsvector_to_array(stored.words)) lexeme
     WHERE lexeme LIKE 'c=%' OR (length(lexeme) <= 200 AND lexeme ~ '^[[:alnum:]]*[[:alpha:]][[:alnum:]]*$')
) said
WHERE NOT EXISTS (SELECT 1 FROM catalog_searchword w WHERE w.word = said.word AND w.role = said.role);
END $$;
"""  # noqa: S608 - constants
# What changes owners behind the services of the catalog: a user or a group gets another name, or is no more.
FOLLOW_OWNERS = """
CREATE FUNCTION catalog_owner_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE owned bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT dataset_id) FROM catalog_datasetowner WHERE %I = $1', TG_ARGV[0])
       INTO owned USING NEW.id;
    PERFORM catalog_refresh_search_words(owned);
    RETURN NULL;
END $$;
CREATE TRIGGER search_words_of_owned AFTER UPDATE ON identity_user FOR EACH ROW
    WHEN (OLD.username IS DISTINCT FROM NEW.username) EXECUTE FUNCTION catalog_owner_renamed('user_id');
CREATE TRIGGER search_words_of_owned AFTER UPDATE ON auth_group FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION catalog_owner_renamed('group_id');
CREATE FUNCTION catalog_owners_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a dataset that is being removed has no words any more, and gets none
    PERFORM catalog_refresh_search_words(ARRAY(
        SELECT dataset_id FROM catalog_searchentry WHERE dataset_id IN (SELECT dataset_id FROM gone)));
    RETURN NULL;
END $$;
CREATE TRIGGER search_words_of_owned AFTER DELETE ON catalog_datasetowner REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_owners_removed();
"""
UNFOLLOW_OWNERS = """
DROP TRIGGER search_words_of_owned ON catalog_datasetowner;
DROP TRIGGER search_words_of_owned ON auth_group;
DROP TRIGGER search_words_of_owned ON identity_user;
DROP FUNCTION catalog_owners_removed();
DROP FUNCTION catalog_owner_renamed();
"""
FILL = """
SELECT count(catalog_refresh_search_words(ids)) FROM (
    SELECT array_agg(id ORDER BY id) AS ids FROM catalog_dataset GROUP BY id / 2000) batches;
"""
# Vectors are not compressed, since they are read to rank; those of rows past 2 kB lie aside.
STORAGE = """
ALTER TABLE catalog_searchentry ALTER COLUMN names SET STORAGE EXTERNAL, ALTER COLUMN words SET STORAGE EXTERNAL,
    SET (toast_tuple_target = 128);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0012_imports"),
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "dataset",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_entry",
                        serialize=False,
                        to="catalog.dataset",
                    ),
                ),
                ("names", django.contrib.postgres.search.SearchVectorField()),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.SmallIntegerField(
                        choices=[
                            (1, "a word of a name or a text"),
                            (2, "the whole name of a column"),
                        ]
                    ),
                ),
                ("word", models.CharField(max_length=500)),
            ],
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="searchword",
            index=models.Index(
                django.contrib.postgres.indexes.OpClass("word", name="text_pattern_ops"),
                models.F("role"),
                name="search_word_prefix",
            ),
        ),
        migrations.RunSQL(REFRESH, "DROP FUNCTION catalog_refresh_search_words(bigint[]);"),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(FOLLOW_OWNERS, UNFOLLOW_OWNERS),
        migrations.AddIndex(
            model_name="searchentry",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["names"], gin_pending_list_limit=512, name="search_entry_names"
            ),
        ),
        migrations.AddIndex(
            model_name="searchentry",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["words"], gin_pending_list_limit=512, name="search_entry_words"
            ),
        ),
        migrations.AddIndex(
            model_name="searchword",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass("word", name="gin_trgm_ops"),
                condition=models.Q(("role", 1)),
                name="search_word_trgm",
            ),
        ),
        migrations.RemoveIndex(model_name="dataset", name="dataset_search"),
        migrations.RemoveField(model_name="dataset", name="search_vector"),
        migrations.RemoveField(model_name="dataset", name="search_text"),
    ]
