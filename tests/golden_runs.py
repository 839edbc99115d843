"""Run folders of each format version, with what their models predict; ``python -m tests.golden_runs`` writes one more.

They are made with the code of their version, once, and never again: what was written then must be read for ever.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqkit.runs.folder import FORMAT_VERSION
from tests.tiny import PARTS, ROWS, STILL, Rows, tiny_tagger
from tests.tiny_labels import LABELS, STILL_LABELS, TEXTS, tiny_classifier
from tests.tiny_text import DEV, TRAIN, tiny_language_model

__all__ = ["GOLDEN", "MODELS", "predicted"]

GOLDEN = Path(__file__).parent / "golden" / "runs"
NER: Rows = {"tokens": ROWS["tokens"][:2], "tags": ROWS["tags"][:2]}
POS: Rows = {"tokens": PARTS["tokens"][:2], "tags": PARTS["tags"][:2]}
SIZES: dict[str, Any] = {"hidden_size": 4, "word_size": 2, "epochs": 1}
WORDS: dict[str, Any] = {**SIZES, "character_size": 2, "character_filters": 2, "shape_size": 2, "affix_size": 2}

# A trained model for each task, with as few weights as possible.
MODELS: dict[str, Callable[[], Any]] = {
    "ner": lambda: tiny_tagger("ner", **{**STILL, **WORDS}).fit(NER, NER),
    "pos": lambda: tiny_tagger("pos", **{**STILL, **WORDS}).fit(POS, POS),
    "sentiment": lambda: tiny_classifier("sentiment", **{**STILL_LABELS, **WORDS}).fit(TEXTS[:2], LABELS[:2]),
    "classifier": lambda: tiny_classifier("classifier", **{**STILL_LABELS, **WORDS}).fit(TEXTS[:2], LABELS[:2]),
    "lm": lambda: tiny_language_model(hidden_size=4, embedding_size=4, epochs=1).fit(TRAIN, dev=DEV),
}


def predicted(task: str, model: Any) -> Any:
    """Return what a model predicts, as JSON types."""
    if task == "lm":
        return rounded(model.score(DEV[0][:20]).log_probabilities)
    texts = [" ".join(words) for words in ROWS["tokens"][:2]] if task in ("ner", "pos") else TEXTS[:2]
    found = [json.loads(json.dumps(prediction.to_dict())) for prediction in model.stream(texts)]
    return rounded(found)


def rounded(value: Any) -> Any:
    """Return a value whose numbers have four decimals, as processors differ in the last bits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def main(folder: Path) -> None:
    """Write a run folder for each task, and what it predicts."""
    for task, model in MODELS.items():  # without the card, which nobody needs here
        trained = model()
        trained.save(folder / task)
        (folder / task / "README.md").unlink()
        (folder / f"{task}.json").write_text(json.dumps(predicted(task, trained), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN / str(FORMAT_VERSION))
