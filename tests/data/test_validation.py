"""What is wrong with a corpus is reported with file and line."""

from pathlib import Path

import datasets
import pytest

from seqkit.data.corpora import open_corpus
from seqkit.data.validation import validate_corpus
from seqkit.text.tagging_schemes import Scheme
from tests.tiny_corpora import DEV, TRAIN, conll, tag_labels, tagged_dataset, write_files


def test_illegal_tags_are_reported_with_file_and_line(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"train.conll": f"# c\n{conll('Ada/B-PER Bo/I-PER ran/O', 'in/O Ghent/I-LOC')}", "dev.conll": DEV}
    )
    (problem,) = validate_corpus(tmp_path)
    assert (problem.file, problem.line, problem.level) == (str(tmp_path / "train.conll"), 7, "error")
    assert "I-LOC cannot follow O" in problem.message
    assert str(problem).startswith(f"{tmp_path}/train.conll:7: I-LOC")
    assert [found.line for found in validate_corpus(tmp_path, scheme=Scheme.IOB1)] == [2, 1]
    assert open_corpus(tmp_path)["train"].num_rows == 2


def test_lines_of_multiword_tokens_do_not_shift_the_report(tmp_path: Path) -> None:
    row = "\t".join("_" * 7)
    content = f"1-2\tdon't\t_\t{row}\n1\tdo\tO\t{row}\n2\tn't\tI-X\t{row}\n\n1\ta\tB-X\t{row}\n2\ta\tI-X\t{row}\n"
    write_files(tmp_path, {"train.conllu": content})
    assert [problem.line for problem in validate_corpus(tmp_path, tag_column="lemma")] == [3]


def test_legal_and_plain_tags_have_no_problems(tmp_path: Path) -> None:
    assert validate_corpus(write_files(tmp_path / "ner", {"train.conll": TRAIN, "dev.conll": DEV})) == []
    assert (
        validate_corpus(
            write_files(tmp_path / "pos", {"train.conll": conll("Ada/NNP ran/VBD"), "dev.conll": conll("Bo/NNP")})
        )
        == []
    )
    assert (
        validate_corpus(write_files(tmp_path / "text", {"train.txt": "it is line 1\n", "dev.txt": "it is line 2\n"}))
        == []
    )


def test_unreadable_files_are_problems_and_the_others_are_still_checked(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"train.conll": "Ada\tB-PER\nran\n", "dev.conll": conll("x/O y/I-PER", "z/B-PER z/I-PER"), "test.conll": ""},
    )
    found = [(Path(problem.file).name, problem.line, problem.message) for problem in validate_corpus(tmp_path)]
    assert [place[:2] for place in found] == [("train.conll", 2), ("test.conll", None), ("dev.conll", 2)]
    assert found[0][2].startswith("this row has one column")
    assert found[1][2] == "the file is empty"


def test_notes_of_what_is_worth_knowing(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"train.conll": TRAIN, "dev.conll": conll("a/O b/B-ORG", "Ghent/B-LOC"), "test.conll": conll("no/O one/O")},
    )
    notes = validate_corpus(tmp_path)
    assert {note.level for note in notes} == {"note"}
    assert [(Path(note.file).name, note.line) for note in notes] == [
        ("test.conll", None),
        ("dev.conll", 2),
        ("dev.conll", 4),
    ]
    assert ["no entity" in notes[0].message, "B-ORG does not occur in train" in notes[1].message] == [True, True]
    assert notes[2].message.startswith("1 of 2 sentences also occur in train")


def test_rows_of_a_dataset_are_numbered() -> None:
    dataset = tagged_dataset([[1, 2], [0, 2], [1]], tag_labels())
    assert [(problem.file, problem.line) for problem in validate_corpus(dataset)] == [("Dataset (train)", 2)]


def test_tags_that_are_withheld_are_noted_and_not_checked() -> None:
    train, test = tagged_dataset([[1, 2], [0]], tag_labels()), tagged_dataset([[-1, -1, -1], [1, 2]], tag_labels())
    (problem, other) = validate_corpus(datasets.DatasetDict(train=train, test=test))
    assert (problem.file, problem.line, problem.level) == ("DatasetDict (test)", None, "note")
    assert problem.message.startswith("the tags of 1 of 2 sentences are withheld")
    assert other.message.startswith("1 of 1 sentences also occur in train")


# Real data


@pytest.mark.parametrize("name", ["wnut2017", "ncbi_disease", "bc5cdr"])
@pytest.mark.slow
def test_real_corpora_have_legal_tags(public_data: Path, name: str) -> None:
    assert [problem for problem in validate_corpus(public_data / name) if problem.level == "error"] == []
