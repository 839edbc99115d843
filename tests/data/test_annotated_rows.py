"""Texts with character spans, from files, datasets and Python."""

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from seqkit.data.annotated_rows import gold_rows, tokenized, tokenizer_for
from seqkit.data.corpora import corpus_fingerprint, open_corpus
from seqkit.errors import CorpusError, SeqkitWarning
from seqkit.text.tagging_schemes import Span
from seqkit.text.words import WordTokenizer
from tests.tiny_corpora import write_file

SPANS = [{"start": 0, "end": 3, "label": "PER"}, {"start": 7, "end": 9, "label": "PER"}]


def test_a_dataset_of_texts_and_entities_is_opened_under_any_usual_name() -> None:
    data = {"id": [1, 2], "text": ["Ada or Bo", "nobody"], "entities": [SPANS, []]}
    corpus = open_corpus(Dataset.from_dict(data), dev_fraction=0)
    assert corpus["train"].column_names == ["text", "spans"]
    assert gold_rows(corpus["train"]) == {
        "text": ["Ada or Bo", "nobody"],
        "spans": [[Span(0, 3, "PER"), Span(7, 9, "PER")], []],
    }


def test_a_span_of_a_dataset_that_cannot_be_read_names_its_row() -> None:
    data = {"text": ["Ada", "Bo"], "spans": [[], [{"start": 0, "end": 9, "label": "PER"}]]}
    with pytest.raises(
        CorpusError, match=r"^Dataset \(train\):2: the PER span 0..9 is out of range: the text has 2 characters$"
    ):
        gold_rows(open_corpus(Dataset.from_dict(data), dev_fraction=0)["train"])


def test_the_fingerprint_depends_on_the_spans(tmp_path: Path) -> None:
    lines = ['{"text": "Ada ran", "spans": [[0, 3, "PER"]]}\n', '{"text": "Ada ran", "spans": [[0, 3, "LOC"]]}\n']
    files = [write_file(tmp_path, f"{number}.jsonl", line) for number, line in enumerate(lines)]
    one, other = (corpus_fingerprint(open_corpus(file, dev_fraction=0)) for file in files)
    assert one != other


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["Ada", None], "spans": [[], []]}, "text 2: the text must be a string, not None"),
        ({"text": ["Ada"], "spans": [[[0, None, "X"]]]}, "text 1: a span needs an integer start, .*"),
        ({"text": ["Ada"], "spans": [[{"start": 0, "end": 3}]]}, "text 1: a span needs .* one label; .*"),
        ({"text": ["Ada"], "spans": []}, "1 texts but 0 lists of spans; each text needs its own"),
        ({"text": ["a\ud800"], "spans": [[]]}, r"text 1: \\ud800 is half of a surrogate pair, .*"),
    ],
)
def test_what_cannot_be_read_names_the_text(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=f"^{message}$"):
        gold_rows(columns)


def test_a_warning_names_the_first_three_of_many() -> None:
    rows = gold_rows({"text": ["Ada Bo"] * 5, "spans": [[(0, 2, "PER")]] * 5})
    assert "spans" in rows
    message = r"^5 of 5 spans of dev .*: PER 'Ad' at text 1, PER 'Ad' at text 2, PER 'Ad' at text 3 …$"
    with pytest.warns(SeqkitWarning, match=message):
        result = tokenized(rows, WordTokenizer(), "dev")
    assert [[each.text for each in unmatched] for unmatched in result["unmatched"]] == [["Ad"]] * 5
    assert result["tags"] == [["O", "O"]] * 5


@pytest.mark.parametrize(
    ("text", "spans", "words"),
    [
        ("well-known", [(0, 10, "X")], ["well-known"]),
        ("well-known", [(0, 4, "X")], ["well", "-", "known"]),
        ("0.5 Parkinson's", [(4, 13, "X")], ["0.5", "Parkinson", "'s"]),
        ("0.5", [(2, 3, "X")], ["0", ".", "5"]),
    ],
)
def test_the_tokenizer_of_training_texts_matches_the_most_spans(text: str, spans: Any, words: list[str]) -> None:
    rows = gold_rows({"text": [text], "spans": [spans]})
    assert "spans" in rows
    assert [token.text for token in tokenizer_for(rows).tokenize(text)] == words
