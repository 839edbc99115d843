"""Damaged files: each format, mutated byte by byte, is read or refused in one line, and nothing else happens.

``corpus/readers`` holds what once ended otherwise, or cost too much. A new finding is a file with a telling name.
``python -m tests.fuzz.test_readers 20000`` reads as many mutations of each format; names of formats choose some.
"""

import gzip
import io
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from seqkit.data.corpora import open_corpus
from seqkit.data.formats import documents_of, read_rows
from seqkit.errors import SeqkitError
from seqkit.text.lm_tokenizer import TextTokenizer
from seqkit.text.pretrained_vectors import read_vectors
from seqkit.text.vocabulary import Vocabulary, normalize_word
from seqkit.text.words import WordTokenizer
from tests.annotation_exports import (
    OPTIONS,
    SPANS,
    TEXT,
    WITH_LABELS,
    WITH_SPANS,
    as_lines,
    choice,
    json_min,
    result,
    task,
)
from tests.tiny_corpora import write_file

EMOJI = f"😀 {TEXT}"
HYPERTEXT = {"hypertextlabels": ["PER"], "globalOffsets": {"start": 2, "end": 5}, "start": "/text()[1]", "text": "Ada"}
SEVERAL = [
    task(
        EMOJI, result(2, 5, "PER", EMOJI), choice("pos"), choice("sure", id="r2"), {"type": "relation"}, who={"id": 2}
    ),
    {"data": {"text": TEXT}, "annotations": [], "predictions": []},
    json_min(EMOJI, 3, "ann@x", label=[HYPERTEXT], sentiment={"choices": ["pos"]}),
]

EXPORTS: dict[str, tuple[str, str]] = {
    **{f"{name} with spans": file for name, file in WITH_SPANS.items()},
    **{f"{name} with labels": file for name, file in WITH_LABELS.items()},
    "Label Studio of every kind": ("a.jsonl", as_lines(*SEVERAL)),
    "doccano of every kind": (
        "a.jsonl",
        as_lines({"text": EMOJI, "entities": [[2, 5, "X"]], "cats": ["a"], "relations": [1], "doc_id": 3}),
    ),
    "Prodigy of every kind": (
        "a.jsonl",
        as_lines(
            {
                "text": TEXT,
                "spans": SPANS[:1],
                "options": OPTIONS,
                "accept": ["pos"],
                "_task_hash": 1,
                "_annotator_id": "a",
            },
            {"text": "x", "options": OPTIONS, "accept": [], "answer": "ignore", "config": {"choice_style": "multiple"}},
        ),
    ),
    "tokens and tags": ("a.jsonl", as_lines({"tokens": ["Ada", "ran"], "tags": ["B-PER", "O"], "doc_id": "d"})),
    "quotes in UTF-16": (
        "a.json",
        '[{"text": "\\ud83d\\ude00 Ada", "spans": [{"start":3,"end":6,"label":"X","text":"Ada"}]}]',
    ),
    "brat": ("a.ann", "T1\tPER 0 3\tAda\nT2\tPER 8 10\tBo\nR1\tmet Arg1:T1 Arg2:T2\n"),
}


def as_parquet(**columns: object) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


VECTORS = b"3 2\nAda 0.5 -1\n. . . 1e3 2\nna\xc3\xafve 1 .5\n"
WORDS = Vocabulary.build({"ada": 1, "ran": 1}, normalize=normalize_word)

BINARY: dict[str, tuple[str, bytes]] = {
    "Parquet of tags": ("a.parquet", as_parquet(tokens=[["Ada", "ran"], ["Bo"]], tags=[["B-PER", "O"], ["B-PER"]])),
    "Parquet of texts": ("a.parquet", as_parquet(text=["fine", "caf\u00e9"], label=["pos", "neg"], document=[1, 2])),
    "Parquet of spans": (
        "a.parquet",
        as_parquet(text=["Ada ran"], spans=[[{"start": 0, "end": 3, "label": "PER"}]]),
    ),
    "word vectors": ("a.vec", VECTORS),
    "compressed word vectors": ("a.vec.gz", gzip.compress(VECTORS, mtime=0)),
}

TOKENIZERS: dict[str, tuple[str, bytes]] = {
    "tokenizer of words": ("word.tokenizer.json", WordTokenizer(words=WORDS).to_json().encode()),
    "tokenizer of characters": ("text.tokenizer.json", TextTokenizer.fitted("char", [["Ada"]]).to_json().encode()),
    "tokenizer of byte pairs": ("text.tokenizer.json", TextTokenizer.fitted("bpe", [["Ada"]]).to_json().encode()),
}


def read_as_file(path: Path) -> object:
    """Read a file by the reader that its name stands for; what is read is used once."""
    if path.name.endswith(("word.tokenizer.json", "text.tokenizer.json")):
        text = path.read_bytes().decode(errors="replace")
        if "word." in path.name:
            return WordTokenizer.from_json(text).tokenize("Ada ran")
        return TextTokenizer.from_json(text).encode("Ada ran").tolist()
    if ".vec" in path.suffixes:
        return read_vectors(path, {"Ada"}, most_frequent=2).words
    if path.suffix == ".parquet":
        for column in ("text", "tokens"):  # the other road, that of language models
            try:
                list(map(list, documents_of(path, "utf-8", column)))
            except SeqkitError as error:
                assert_one_line(str(error))
        return open_corpus(path, dev_fraction=0)["train"].to_dict()
    return read_rows(path)


def assert_one_line(message: str) -> None:
    assert len(message.splitlines()) == 1
    assert not re.search("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]", message)
    assert len(message) < 3000


FILES: dict[str, tuple[str, bytes]] = {
    "columns": ("a.conll", b"-DOCSTART- O\n\n# a\nAda NNP B-PER\nran VBD O\n\nGhent NNP B-LOC\n# # O\n"),
    "columns with tabs": ("a.tsv", b"Ada\tB-PER\r\nran\tO\r\n\r\nGhent\tB-LOC \r\n\t\r\nr\xc3\xa9\tO\t\r\n"),
    "numbered columns": ("a.txt", b"#\tx [2009]\n1\tAda\tB-PER\tO\n2\tran\tO\tO\n\n1\tGhent\tB-ORG\tB-LOC\n"),
    "CoNLL-U": (
        "a.conllu",
        b"# newdoc id = d\n1\tAda\tAda\tPROPN\tNNP\t_\t2\tnsubj\t_\t_\n2-3\tdidn't\t_\t_\t_\t_\t_\t_\t_\t_\n"
        b"2\tdid\tdo\tAUX\t_\t_\t0\troot\t_\t_\n3.1\trun\trun\tVERB\t_\t_\t_\t_\t_\t_\n\n"
        b"1\t#\t#\t_\tNN\t_\t0\troot\t_\t_\n",
    ),
    "CoNLL-U Plus": ("a.conllup", b"# global.columns = ID FORM UPOS\n1\tAda\tPROPN\n2\tran\t_\n\n1\tBo\tPROPN\n"),
    "CSV of texts": ("a.csv", b'text,label\n"good, ""yes""\nand more",pos\nbad, neg\n,\n"x", "y"\n'),
    "CSV with lists": (
        "a.csv",
        b'tokens,tags\n"[""Ada"", ""ran""]","[""B-PER"", ""O""]"\n"[\'a\\t\', \'b\']","[\'O\' \'O\']"\n',
    ),
    "CSV with lists of labels": ("a.csv", b"sep=;\ntext;labels\ngood;\"['a', 'b']\"\nbad;[1]\nfine;[]\n"),
    "CSV of tokens": ("a.csv", b"Sentence #,Word,Tag\r\n1,Ada,B-PER\r\n,ran,O\r\n2,Ghent,B-LOC\r\n"),
    "TSV without header": ("a.tsv", b"a good film\tpos\na bad film\tneg\na fine film\tpos\na dull film\tneg\n"),
    "CSV without header": ("a.csv", b'1,"good film, yes"\r0,bad film\r1,fine film\r0,dull film\r'),
    "CSV of tokens without header": ("a.csv", b"Ada,B-PER\nran,O\n\nGhent,B-LOC\n"),
    "plain text": ("a.txt", b"once upon a time\n\nthere was caf\xc3\xa9\r\nthe end\n"),
    "fastText": ("a.txt", b"__label__x a good film\n__label__y __label__x a bad film\n\n__label__z caf\xc3\xa9\n"),
    **{name: (file, content.encode()) for name, (file, content) in EXPORTS.items()},
    **BINARY,
    **TOKENIZERS,
}
"""For each format the name of a small valid file and its content; a format is added as a row."""

SPLICES = [b"\n", b"\r", b"\t", b" ", b",", b";", b'"', b"'", b"[", b"]", b"_", b"#", b"\0", b"\xff", b"\xc2\xa0", b"0"]
JSON_SPLICES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-",
    b"1",
    b"1e9",
    b"\n",
    b"\0",
    b"\xff",
    b"\\ud83d",
]


def mutated(content: bytes, chance: random.Random, splices: list[bytes]) -> bytes:
    """The content after one to four random edits."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(content) + 1)
        stop = min(start + chance.choice([1, 1, 2, 5, 30]), len(content))
        before, part, after = content[:start], content[start:stop], content[stop:]
        splice = chance.choice([*splices, chance.randbytes(1)])
        edits = {
            "insert": before + splice + part + after,
            "delete": before + after,
            "replace": before + splice + after,
            "duplicate": before + part + part + after,
            "truncate": before,
            "swap": before + after[:5] + part + after[5:],
        }
        content = chance.choice(list(edits.values()))
    return content


def read_mutations(folder: Path, name: str, count: int) -> tuple[int, int]:
    """Read mutations of a file; returns how many were read and how many refused."""
    file, content = FILES[name]
    splices = JSON_SPLICES if name in EXPORTS or name in TOKENIZERS else SPLICES
    write_file(folder, "a.txt", TEXT)  # brat's annotations are of this text
    chance = random.Random(f"seqkit {name}")
    read, messages = 0, []
    for _ in range(count):
        (folder / file).unlink(missing_ok=True)  # some file systems flush a file that is truncated and written again
        path = write_file(folder, file, mutated(content, chance, splices))
        start = time.perf_counter()
        try:
            rows = read_as_file(path)
        except SeqkitError as error:
            messages.append(str(error))
            assert_one_line(messages[-1].replace(str(path), ""))
        else:
            repr(rows).encode()  # what is read can be written again
            read += 1
        assert time.perf_counter() - start < 5, path.read_bytes()
    return read, len(messages)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_valid_before_it_is_damaged(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_file(tmp_path, "a.txt", TEXT)
        assert read_as_file(write_file(tmp_path, *FILES[name]))


@pytest.mark.filterwarnings("ignore::seqkit.errors.SeqkitWarning")
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    read, refused = read_mutations(tmp_path, name, 25 if name in BINARY or name in TOKENIZERS else 200)
    assert read + refused > 0
    assert refused > 0
    assert read > 0 or name in BINARY or name in TOKENIZERS  # almost all of whose bytes matter


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::seqkit.errors.SeqkitWarning")
@pytest.mark.parametrize("name", FILES)
def test_a_thousand_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    assert sum(read_mutations(tmp_path, name, 1000)) == 1000


FINDINGS = sorted(path for path in (Path(__file__).parent / "corpus" / "readers").iterdir())


@pytest.mark.filterwarnings("ignore::seqkit.errors.SeqkitWarning")
@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.name)
def test_what_was_found_is_refused_in_one_line(path: Path) -> None:
    with pytest.raises(SeqkitError) as caught:
        read_as_file(path)
    assert_one_line(str(caught.value))


@pytest.mark.parametrize("depth", [*range(900, 1000, 7), 100_000])
@pytest.mark.parametrize(
    "around",
    [
        lambda inner: inner,
        lambda inner: f'{{"text": "a", "label": {inner}}}',
        lambda inner: f'{{"text": "\\ud83d\\ude00", "label": {inner}}}',
        lambda inner: f'{{"text": {inner}}}',
        lambda inner: f'{{"text": "a", "spans": [{inner}]}}',
        lambda inner: f'{{"data": {{"text": {inner}}}, "annotations": [{{"result": [{{"value": {inner}}}]}}]}}',
    ],
)
def test_lists_nested_deeply_are_refused(tmp_path: Path, depth: int, around: Callable[[str], str]) -> None:
    for name in ("a.json", "a.jsonl"):
        with pytest.raises(SeqkitError) as caught:
            read_rows(write_file(tmp_path, name, around("[" * depth + "]" * depth)))
        assert_one_line(str(caught.value))


def test_brackets_nested_deeply_and_long_numbers_are_refused(tmp_path: Path) -> None:
    for content in ("[" * 100_000, '{"text": ' * 100_000, f'[{{"text": "a", "label": {"1" * 5000}}}]'):
        with pytest.raises(SeqkitError, match=r"a\.json:1: not JSON: "):
            read_rows(write_file(tmp_path, "a.json", content))


def main(count: int, names: list[str]) -> None:
    """Read mutations of each format, or of some; the first that is neither read nor refused ends it."""
    warnings.simplefilter("ignore")
    for name in names or FILES:
        with tempfile.TemporaryDirectory() as folder:
            read, refused = read_mutations(Path(folder), name, count)
        print(f"{name}: {read} read, {refused} refused", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
