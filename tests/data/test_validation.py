"""What is wrong with a corpus is reported with file and line."""

from pathlib import Path

import datasets
import pytest

from seqkit.config.tagging import TaggingConfig
from seqkit.data.corpora import open_corpus
from seqkit.data.tagged_rows import rows_of
from seqkit.data.validation import validate_corpus
from seqkit.errors import CorpusError
from seqkit.tasks.tagging import TaggingTask
from seqkit.text.tagging_schemes import Scheme
from tests.tiny_corpora import DEV, TRAIN, conll, tag_labels, tagged_dataset, write_files


def test_illegal_tags_are_reported_with_file_and_line(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"train.conll": f"# c\n{conll('Ada/B-PER Bo/I-PER ran/O', 'in/O Ghent/I-LOC')}", "dev.conll": DEV}
    )
    (problem,) = validate_corpus(tmp_path).problems
    assert (problem.file, problem.line, problem.level) == (str(tmp_path / "train.conll"), 7, "error")
    assert "I-LOC cannot follow O" in problem.message
    assert str(problem).startswith(f"{tmp_path}/train.conll:7: I-LOC")
    assert [found.line for found in validate_corpus(tmp_path, scheme=Scheme.IOB1).problems] == [2, 1]
    assert open_corpus(tmp_path)["train"].num_rows == 2


def test_lines_of_multiword_tokens_do_not_shift_the_report(tmp_path: Path) -> None:
    row = "\t".join("_" * 7)
    content = f"1-2\tdon't\t_\t{row}\n1\tdo\tO\t{row}\n2\tn't\tI-X\t{row}\n\n1\ta\tB-X\t{row}\n2\ta\tI-X\t{row}\n"
    write_files(tmp_path, {"train.conllu": content})
    assert [problem.line for problem in validate_corpus(tmp_path, tag_column="lemma").problems] == [3]


def test_legal_and_plain_tags_have_no_problems(tmp_path: Path) -> None:
    ner = write_files(tmp_path / "ner", {"train.conll": TRAIN, "dev.conll": DEV})
    assert validate_corpus(ner) == ([f"{ner}/train.conll: tags in IOB2"], [])
    pos = write_files(tmp_path / "pos", {"train.conll": conll("Ada/NNP ran/VBD"), "dev.conll": conll("Bo/NNP")})
    assert validate_corpus(pos) == ([f"{pos}/train.conll: plain tags"], [])
    text = write_files(tmp_path / "text", {"train.txt": "it is line 1\n", "dev.txt": "it is line 2\n"})
    assert validate_corpus(text) == ([], [])


def test_unreadable_files_are_problems_and_the_others_are_still_checked(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"train.conll": "Ada\tB-PER\nran\n", "dev.conll": conll("x/O y/I-PER", "z/B-PER z/I-PER"), "test.conll": ""},
    )
    found = [(Path(problem.file).name, problem.line, problem.message) for problem in validate_corpus(tmp_path).problems]
    assert [place[:2] for place in found] == [("train.conll", 2), ("test.conll", None), ("dev.conll", 2)]
    assert found[0][2].startswith("this row has one column")
    assert found[1][2] == "the file is empty"


def test_notes_of_what_is_worth_knowing(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {"train.conll": TRAIN, "dev.conll": conll("a/O b/B-ORG", "Ghent/B-LOC"), "test.conll": conll("no/O one/O")},
    )
    notes = validate_corpus(tmp_path).problems
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
    assert [(problem.file, problem.line) for problem in validate_corpus(dataset).problems] == [("Dataset (train)", 2)]


def test_tags_that_are_withheld_are_noted_and_not_checked() -> None:
    train, test = tagged_dataset([[1, 2], [0]], tag_labels()), tagged_dataset([[-1, -1, -1], [1, 2]], tag_labels())
    (problem, other) = validate_corpus(datasets.DatasetDict(train=train, test=test)).problems
    assert (problem.file, problem.line, problem.level) == ("DatasetDict (test)", None, "note")
    assert problem.message.startswith("the tags of 1 of 2 sentences are withheld")
    assert other.message.startswith("1 of 1 sentences also occur in train")


# The same words as training.


def iob2(sentences: int, *broken: int, cell: str = "O") -> str:
    """Sentences of one chunk each, some of which begin with I-, as in CoNLL-2002; the last cell is given."""
    tags = ["I-PER" if number in broken else "B-PER" for number in range(sentences)]
    return conll(*(f"n{number}/{tag} n/I-PER ran/O" for number, tag in enumerate(tags)), f"it/O rained/{cell}")


def test_places_that_break_the_scheme_are_notes_as_long_as_train_accepts_them(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.conll": iob2(60, 3, 7), "dev.conll": DEV})
    formats, problems = validate_corpus(tmp_path)
    assert formats == [
        f"{tmp_path}/train.conll: tags in IOB2; 2 places break IOB2, which explains 58 of 60 chunks",
    ]
    assert [(problem.line, problem.level) for problem in problems] == [(13, "note"), (29, "note")]
    strict = validate_corpus(tmp_path, strict=True).problems
    assert [(problem.line, problem.level) for problem in strict] == [(13, "error"), (29, "error")]


@pytest.mark.parametrize(
    ("train", "dev"),
    [
        (iob2(60, 3), DEV),
        (iob2(60), iob2(40, 2)),
        (iob2(60), iob2(4, 2)),
        (iob2(60, *range(9)), DEV),
        (iob2(60, cell="0"), DEV),
        (iob2(60, cell="B-PER,"), DEV),
        (iob2(60, cell="_"), DEV),
        (conll("Ada/PER-B Lund/PER-I ran/O"), conll("Bo/B-PER ran/O")),
        (conll("Ada/PER Lund/PER ran/O"), conll("Bo/PER ran/0")),
        (conll("rain/O fell/O"), DEV),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::seqkit.errors.SeqkitWarning")
@pytest.mark.parametrize("strict", [False, True])
def test_validate_refuses_what_training_refuses_in_the_same_words(
    tmp_path: Path, train: str, dev: str, strict: bool
) -> None:
    corpus = open_corpus(write_files(tmp_path, {"train.conll": train, "dev.conll": dev}))
    errors = [found for found in validate_corpus(tmp_path, strict=strict).problems if found.level == "error"]
    config = TaggingConfig(strict=strict, hidden_size=2, word_size=2)
    refused = None
    try:
        task, _ = TaggingTask.from_rows(config, rows_of(corpus["train"]))
        task.prepare(rows_of(corpus["dev"]), task.corpus_scheme)
    except CorpusError as error:
        refused = str(error)
    assert (refused is None) is (errors == [])
    assert refused is None or any(found.message in refused for found in errors)


def test_one_tag_is_nothing_to_learn(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.conll": conll("Ada/_ ran/_"), "dev.conll": conll("Bo/_")})
    (problem,) = validate_corpus(tmp_path).problems
    assert (problem.level, problem.file) == ("error", f"{tmp_path}/train.conll")
    assert problem.message.startswith("there is nothing to learn from the training split: every tag is '_'")


def test_a_prefix_that_only_dev_has_is_no_new_label(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.conll": conll("Ada/I-PER ran/O"), "dev.conll": conll("Bo/I-PER Ada/B-PER")})
    assert validate_corpus(tmp_path).problems == []


# Real data


@pytest.mark.parametrize("name", ["wnut2017", "ncbi_disease", "bc5cdr", "bc2gm", "wikigold"])
@pytest.mark.slow
def test_real_corpora_have_legal_tags(public_data: Path, name: str) -> None:
    assert [problem for problem in validate_corpus(public_data / name).problems if problem.level == "error"] == []
