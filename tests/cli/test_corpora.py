"""``seqkit corpora``: list, show and validate."""

import re
from pathlib import Path

from tests.command_line import seqkit, write_conll


def test_corpora_list_and_show() -> None:
    done = seqkit("corpora", "list")
    assert (done.code, done.err) == (0, "")
    assert "ner-mini" in done.out.splitlines()
    assert "eriktks/conll2003 (hub)" in done.out.splitlines()
    card = Path(__file__).parents[2] / "corpora/seqkit_corpora/ner-mini/CARD.md"
    assert seqkit("corpora", "show", "ner-mini").out == card.read_text(encoding="utf-8") + "\n"
    done = seqkit("corpora", "show", "ner-mimi")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"error: .*'ner-mimi'; did you mean ner-mini( or [a-z]+-mini)*\?.*\n", done.err)


def test_corpora_validate(tmp_path: Path) -> None:
    clean = write_conll(tmp_path / "clean.conll", [(["Ada", "ran"], ["B-PER", "O"])])
    done = seqkit("corpora", "validate", clean)
    columns = f"{clean}: CoNLL: tokens from column 0, tags from column 1, counted from 0\n"
    assert (done.code, done.out, done.err) == (0, f"{columns}{clean}: tags in IOB2\n0 errors, 0 notes\n", "")
    bad = write_conll(tmp_path / "bad.conll", [(["Ada", "ran"], ["B-PER", "O"]), (["the", "Alps"], ["O", "I-LOC"])])
    done = seqkit("corpora", "validate", bad, "--scheme", "iob2")
    assert done.code == 1
    assert f"{bad}:5: " in done.out
    assert done.out.endswith("1 errors, 0 notes\n")
    assert seqkit("corpora", "validate", bad, "--scheme", "IOB1").code == 1  # where B-PER may not start a sentence
    done = seqkit("corpora", "validate", bad, "--scheme", "IOB7")
    assert done.code == 2
    assert "--scheme" in done.err
    no_entity = write_conll(tmp_path / "outside.conll", [(["Rain", "fell"], ["O", "O"])])
    done = seqkit("corpora", "validate", no_entity)
    assert done.code == 1
    assert f"{no_entity}: the training split has no entity" in done.out
    swapped = tmp_path / "swapped.conll"
    swapped.write_bytes(b"B-PER\tZo\xeb\nO\tran\n")
    asked = ["--encoding=latin-1", "--token-column=1", "--tag-column=0"]
    assert seqkit("corpora", "validate", swapped, *asked).code == 0
    assert seqkit("corpora", "validate", tmp_path / "nowhere.conll").code == 1


def test_a_few_faults_of_a_real_corpus_are_notes_unless_strict(tmp_path: Path) -> None:
    sentences = [(["Ada", "Lund"], ["B-PER", "I-PER"])] * 30 + [(["the", "Alps"], ["O", "I-LOC"])]
    real = write_conll(tmp_path / "real.conll", sentences)
    done = seqkit("corpora", "validate", real)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1:] == [
        f"{real}: tags in IOB2; 1 place breaks IOB2, which explains 30 of 31 chunks",
        f"{real}:92: I-LOC cannot follow O: IOB2 opens a chunk there with B-LOC (note)",
        "0 errors, 1 notes",
    ]
    strict = seqkit("corpora", "validate", real, "--strict")
    assert strict.code == 1
    assert strict.out.splitlines()[2:] == [
        f"{real}:92: I-LOC cannot follow O: IOB2 opens a chunk there with B-LOC",
        "1 errors, 0 notes",
    ]
