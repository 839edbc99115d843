"""Rows and running text are read by the same readers: the same texts come out, and the same faults are found."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqkit.data.text_files as text_files
from seqkit.data.formats import documents_of, read_rows
from seqkit.data.rows import PlainText
from seqkit.errors import CorpusError
from tests.tiny_corpora import write_file

texts = st.text(st.sampled_from('ab "\t\n\r,;\x85é\u2028😀')).filter(str.strip)


def stored(documents: list[str], name: str) -> str:
    if name.endswith("jsonl"):
        return "".join(f"{json.dumps({'text': document})}\n" for document in documents)
    table = io.StringIO(newline="")
    rows = csv.writer(table, delimiter="\t" if name.endswith("tsv") else ",")
    rows.writerows([["text", "n"], *([document, 7] for document in documents)])
    return table.getvalue()


@given(documents=st.lists(texts, min_size=1, max_size=5), name=st.sampled_from(["a.jsonl", "a.csv", "a.tsv"]))
def test_rows_and_documents_are_the_same_texts(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str], name: str
) -> None:
    documents = ['"quoted"', *documents]  # a tab-separated file without quoted cells would not be read as CSV
    path = write_file(tmp_path_factory.getbasetemp(), name, stored(documents, name))
    rows = read_rows(path, text_column="text")
    assert [row.text for row in rows if isinstance(row, PlainText)] == documents
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "PIECE_LENGTH", 5)
        assert ["".join(document) for document in documents_of(path, "utf-8", None)] == documents


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"one\ncaf\xe9\n"),
        ("a.txt", "caf\xe9\n".encode() + b"caf\xe9\n"),
        ("a.txt", "\u201cone\u201d\n".encode("cp1252")),
        ("a.txt", "one".encode("utf-16")),
        ("a.txt", b"one\ntw\0o"),
        ("a.jsonl", b'{"text": "one"}\n{"text": }\n'),
        ("a.jsonl", b'{"text": "one"}\n{"text": "\\ud800"}\n'),
        ("a.csv", b'text,n\none,1\n"two,2\n'),
        ("a.csv", b"text,n\none,1,2\n"),
        ("a.tsv", b"text\tlabel\none\t1\t2\n"),
    ],
)
def test_rows_and_documents_have_the_same_faults(tmp_path: Path, name: str, content: bytes) -> None:
    path = write_file(tmp_path, name, content)
    messages = []
    with pytest.raises(CorpusError) as caught:
        read_rows(path)
    messages.append(str(caught.value))
    with pytest.raises(CorpusError) as caught:
        [list(document) for document in documents_of(path, "utf-8", None)]
    messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith(str(path))
