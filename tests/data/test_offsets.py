"""Offsets in other units than characters: found by the texts that spans quote, offered if the words fit, or named."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.annotated_rows import gold_rows
from seqkit.data.corpora import open_corpus
from seqkit.data.offset_check import offsets_hint
from seqkit.data.offsets import UNITS, Offsets, index_of, offsets_of
from seqkit.data.validation import validate_corpus
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning
from tests.command_line import seqkit
from tests.tiny_corpora import write_file

texts = st.text(st.sampled_from("aé 😀王\u0301\n"), max_size=12)


def length(text: str, unit: Offsets) -> int:
    return {"characters": len(text), "utf16": len(text.encode("utf-16-le")) // 2, "bytes": len(text.encode())}[unit]


@given(texts, st.sampled_from(UNITS))
def test_offsets_are_the_lengths_of_what_is_before_them(text: str, unit: Offsets) -> None:
    found = offsets_of(text, unit)
    assert list(found) == [length(text[:index], unit) for index in range(len(text) + 1)]
    for offset in range(-1, found[-1] + 2):
        index = index_of(offset, found)
        assert (index is None) is (offset not in found)
        assert index is None or found[index] == offset


SENTENCES = ["😀 é met Indira in Ghent", "Ada met Bo", "😀😀 in Ypres, Ada"]
NAMES = r"Indira|Ghent|Ada|Bo|Ypres"


def records(unit: Offsets, quote: bool = False, shift: int = 0) -> list[dict[str, Any]]:
    """The sentences with their names marked, with offsets in a unit; moved to the right by ``shift``."""
    made = []
    for text in SENTENCES:
        found = list(re.finditer(NAMES, text))
        spans = [(length(text[: name.start()], unit), length(text[: name.end()], unit), name[0]) for name in found]
        made.append(
            {
                "text": f"{text}, or so we were told.",
                "spans": [
                    {"start": start + shift, "end": end + shift, "label": "X", **({"text": name} if quote else {})}
                    for start, end, name in spans
                ],
            }
        )
    return made


def corpus(folder: Path, unit: Offsets, **how: Any) -> Path:
    return write_file(folder, "a.jsonl", "".join(f"{json.dumps(each)}\n" for each in records(unit, **how)))


def marked(dataset: Any) -> list[str]:
    return [row["text"][span["start"] : span["end"]] for row in dataset for span in row["spans"]]


EXPECTED = ["Indira", "Ghent", "Ada", "Bo", "Ypres", "Ada"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_found_by_the_texts_that_spans_quote(tmp_path: Path, unit: Offsets) -> None:
    path = corpus(tmp_path, unit, quote=True)
    if unit == "characters":
        assert marked(open_corpus(path, dev_fraction=0)["train"]) == EXPECTED
    else:
        name = {"utf16": "UTF-16 units", "bytes": "UTF-8 bytes"}[unit]
        with pytest.warns(SeqkitWarning, match=rf"^.*a\.jsonl: read the offsets of spans as {name}, because only then"):
            assert marked(open_corpus(path, dev_fraction=0)["train"]) == EXPECTED
        assert marked(open_corpus(path, dev_fraction=0, offsets=unit)["train"]) == EXPECTED


def test_quotes_that_fit_under_no_unit_are_an_error(tmp_path: Path) -> None:
    path = corpus(tmp_path, "characters", quote=True, shift=1)
    with pytest.raises(CorpusError, match=r"a\.jsonl:1: the X span 9..15 quotes 'Indira', but the text has 'ndira '"):
        open_corpus(path)


@pytest.mark.parametrize("unit", ["utf16", "bytes"])
@pytest.mark.slow
def test_shifted_offsets_are_counted_and_the_option_that_mends_them_is_offered(tmp_path: Path, unit: Offsets) -> None:
    path = corpus(tmp_path, unit)
    names = {"utf16": "UTF-16 units", "bytes": "UTF-8 bytes"}
    done = seqkit("corpora", "validate", path)
    assert done.code == 1
    assert f"{path}:1: the X span " in done.out
    assert "begins or ends inside a word (note)\n" in done.out
    assert re.search(rf"of 4 spans fit, but 4 if offsets count {names[unit]}: pass --offsets {unit}\n", done.out)
    assert f"pass --offsets {unit}" in done.out
    assert seqkit("corpora", "validate", path, "--offsets", unit).out.endswith("\n0 errors, 0 notes\n")
    assert marked(open_corpus(path, offsets=unit, dev_fraction=0)["train"]) == EXPECTED
    done = seqkit("train", "ner", "--corpus", path, "--out", tmp_path / "run", "--dev-fraction", "0.4")
    assert f"pass --offsets {unit}" in done.err


def test_offsets_that_are_off_by_one_are_counted(tmp_path: Path) -> None:
    path = corpus(tmp_path, "characters", shift=1)
    *listed, summary = validate_corpus(path).problems
    assert [(problem.line, problem.level) for problem in listed] == [(line, "note") for line in (1, 1, 2, 2, 3, 3)]
    assert str(listed[2]) == f"{path}:2: the X span 1..3, 'da', begins or ends inside a word"
    assert (summary.level, summary.line) == ("error", 1)
    assert summary.message.startswith("6 of 6 spans of the corpus begin or end inside a word")
    assert "--offsets" not in summary.message
    assert seqkit("corpora", "validate", path).code == 1


def test_a_span_of_a_part_of_a_word_is_a_note(tmp_path: Path) -> None:
    good = [
        {"text": "Ada met Bo", "spans": [[0, 3, "X"], [8, 10, "X"]]},
        {"text": "ex-Soviet Bo", "spans": [[5, 9, "X"]]},
    ]
    path = write_file(
        tmp_path, "a.jsonl", "".join(f"{json.dumps(each)}\n" for each in [*good, {"text": "", "spans": []}])
    )
    assert [str(problem) for problem in validate_corpus(path).problems] == [
        f"{path}:2: the X span 5..9, 'viet', begins or ends inside a word",
        f"{path}:3: the text has no word, so it is left out",
        f"{path}:2: 1 of 3 spans of the corpus begin or end inside a word, so no tagger of words finds them",
    ]
    assert seqkit("corpora", "validate", path).code == 0


def test_offsets_beyond_the_end_of_the_text_offer_the_option_too(tmp_path: Path) -> None:
    text = "é met Ada"
    path = write_file(tmp_path, "a.jsonl", json.dumps({"text": text, "label": [[7, 10, "X"]]}))
    message = r"a\.jsonl:1: the X span 7..10 is out of range: the text has 9 characters; .*: pass --offsets bytes$"
    with pytest.raises(CorpusError, match=message):
        open_corpus(path)
    with pytest.raises(CorpusError, match=r"span 1..10 begins or ends inside a character; .* count UTF-8 bytes$"):
        open_corpus(
            write_file(tmp_path, "b.jsonl", json.dumps({"text": text, "label": [[1, 10, "X"]]})), offsets="bytes"
        )


def test_nothing_is_offered_where_characters_fit() -> None:
    rows = [
        {"text": f"{text}.", "spans": spans} for text, spans in [("😀 well-known Ada", [(7, 12, "X"), (13, 16, "X")])]
    ]
    columns: Any = gold_rows({name: [row[name] for row in rows] for name in ("text", "spans")})
    assert offsets_hint(columns["text"], columns["spans"]) == ""


def test_the_corpus_keeps_white_space_in_spans_and_the_tagger_does_not(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a.jsonl", json.dumps({"text": "Ada ran", "label": [[0, 4, "X"]]}))
    dataset = open_corpus(path, dev_fraction=0)["train"]
    assert dataset[0]["spans"] == [{"start": 0, "end": 4, "label": "X"}]
    rows: Any = gold_rows(dataset)
    assert rows["spans"] == [[(0, 3, "X")]]


@pytest.mark.parametrize("unit", ["utf16", "bytes"])
def test_offsets_of_a_dataset_are_named_too(unit: Offsets) -> None:
    made = records(unit)
    dataset = Dataset.from_dict({name: [each[name] for each in made] for name in ("text", "spans")})
    assert marked(open_corpus(dataset, offsets=unit, dev_fraction=0)["train"]) == EXPECTED


def test_an_unknown_unit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be one of characters, utf16, bytes, not 'utf8'$"):
        open_corpus(corpus(tmp_path, "characters"), offsets="utf8")
