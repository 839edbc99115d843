"""brat's standoff annotation: a text, and a file of annotations beside it."""

import time
from pathlib import Path

import pytest

from seqkit.data.corpora import open_corpus
from seqkit.data.validation import validate_corpus
from seqkit.errors import CorpusError, SeqkitWarning
from tests.command_line import seqkit
from tests.tiny_corpora import write_files

TEXT = "Ada met Bo.\n\nThey ran to 😀 Ghent.\n"
ANN = "T1\tPER 0 3\tAda\nT2\tPER 8 10\tBo\nT3\tLOC 27 32\tGhent\n"
MORE = "R1\tmet Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tsure\nA1\tNegated T1\n"


def test_a_folder_for_each_split_is_a_corpus(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "train/b.txt": "Bo ran.\n",
            "train/b.ann": "",
            "train/a.txt": TEXT,
            "train/a.ann": ANN,
            "train/annotation.conf": "x",
        }
        | {"dev/c.txt": "In Ypres", "dev/c.ann": "T1\tLOC 3 8\tYpres\n"},
    )
    corpus = open_corpus(tmp_path)
    assert list(corpus["train"]) == [
        {
            "text": "Ada met Bo.",
            "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 10, "label": "PER"}],
            "document": "a",
            "source": f"{tmp_path}/train/a.txt:1",
        },
        {
            "text": "They ran to 😀 Ghent.",
            "spans": [{"start": 14, "end": 19, "label": "LOC"}],
            "document": "a",
            "source": f"{tmp_path}/train/a.txt:3",
        },
        {"text": "Bo ran.", "spans": [], "document": "b", "source": f"{tmp_path}/train/b.txt:1"},
    ]
    assert corpus["dev"].num_rows == 1
    assert seqkit("corpora", "validate", tmp_path).out == "0 errors, 0 notes\n"


def test_a_folder_and_a_file_are_a_corpus_too(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": TEXT, "a.ann": ANN})
    for path in (tmp_path, tmp_path / "a.ann", tmp_path / "a.txt"):
        assert open_corpus(path, dev_fraction=0)["train"].num_rows == 2


def test_splits_may_be_files(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            f"{split}.{suffix}": ANN if suffix == "ann" else TEXT
            for split in ("train", "dev")
            for suffix in ("ann", "txt")
        },
    )
    assert {split: rows.num_rows for split, rows in open_corpus(tmp_path).items()} == {"train": 2, "dev": 2}


def test_what_is_no_entity_is_counted(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": TEXT, "a.ann": ANN + MORE})
    message = r"^events, relations, attributes and notes are left out: 3, first .*a\.ann:4$"
    with pytest.warns(SeqkitWarning, match=message):
        assert open_corpus(tmp_path, dev_fraction=0)["train"].num_rows == 2


def test_offsets_in_other_units_are_found_by_the_quotes(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": TEXT, "a.ann": ANN.replace("27 32", "28 33")})
    with pytest.warns(SeqkitWarning, match="read the offsets of spans as UTF-16 units"):
        rows = open_corpus(tmp_path, dev_fraction=0)["train"]
    assert rows[1]["spans"] == [{"start": 14, "end": 19, "label": "LOC"}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T4\tPER 14 16;18 20\tTh y", r"a span in several parts: .*; join the parts, or delete it"),
        ("T4\tPER 14 x\tThey", "not an entity of brat"),
        ("T4 PER 14 18 They", "not an entity of brat"),
        ("T4\tPER 13 17\tAda", "the PER span 13..17 quotes 'Ada', but the text has 'They'"),
        ("T4\tPER 13 99\tThey", "the PER span 13..99 is out of range: the text has 34 characters"),
        ("T4\tPER 1 3\tda", "the PER span 0..3 and the PER span 1..3 overlap"),
    ],
)
def test_an_entity_that_cannot_be_used_has_a_line(tmp_path: Path, line: str, message: str) -> None:
    path = write_files(tmp_path, {"a.txt": TEXT, "a.ann": f"{ANN}{line}\n"}) / "a.ann"
    with pytest.raises(CorpusError, match=message) as caught:
        open_corpus(tmp_path)
    assert (caught.value.file, caught.value.line) == (str(path), 4)
    (problem,) = validate_corpus(tmp_path).problems
    assert (problem.file, problem.line) == (str(path), 4)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": TEXT, "a.ann": ANN, "b.txt": "Bo ran."})
    with pytest.raises(
        CorpusError, match=r"b\.txt: b\.ann is missing beside it; if nothing is marked, add an empty one$"
    ):
        open_corpus(tmp_path)
    write_files(tmp_path, {"b.ann": "", "c.ann": ""})
    with pytest.raises(CorpusError, match=r"c\.txt: no such file"):
        open_corpus(tmp_path)


def test_a_span_over_two_lines_is_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": TEXT, "a.ann": "T1\tX 8 17\tBo. They\n"})
    with pytest.raises(CorpusError, match=r"a\.txt:1: the X span 8..17 goes on after the end of its line$"):
        open_corpus(tmp_path)


def test_a_long_file_is_read_in_linear_time_and_a_fault_at_its_end_is_found(tmp_path: Path) -> None:
    count = 3000
    entities = "".join(f"T{number}\tPER {4 * number} {4 * number + 3}\tAda\n" for number in range(count))
    write_files(tmp_path, {"a.txt": "Ada\n" * count, "a.ann": entities})
    start = time.process_time()
    assert len(open_corpus(tmp_path, dev_fraction=0)["train"]) == count
    write_files(tmp_path, {"a.ann": f"{entities}T{count}\tPER 0 2\tAd\n"})
    with pytest.raises(CorpusError, match=rf"a\.ann:{count + 1}: .* overlap"):
        open_corpus(tmp_path)
    assert time.process_time() - start < 5  # quadratic time is minutes
