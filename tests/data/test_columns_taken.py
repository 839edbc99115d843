"""Which columns were read, as a person is told."""

from pathlib import Path

import pytest

from seqkit.data.corpora import columns_taken, open_corpus
from seqkit.errors import CorpusError
from tests.tiny_corpora import sizes, write_file, write_files


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.conll", "1\tAda\tO\n", "CoNLL: tokens from column 1, tags from column 2, counted from 0"),
        (
            "a.conll",
            "# global.columns = ID FORM UPOS\n1\ta\tX\n",
            "CoNLL-U: tokens from column form, tags from column upos",
        ),
        ("a.csv", "sent_id,Word,NER\n1,Ada,O\n", "CSV: tokens from column word, tags from column ner"),
        ("a.csv", "id,text\n1,Ada\n", "CSV: texts from column text"),
        ("a.jsonl", '{"text": "Ada"}\n', "JSON"),
    ],
)
def test_the_columns_of_a_file_are_told(tmp_path: Path, name: str, content: str, expected: str) -> None:
    path = write_file(tmp_path, name, content)
    assert {file: str(taken) for file, taken in columns_taken(path).items()} == {path: expected}


def test_files_that_are_laid_out_alike_have_to_be_read_alike(tmp_path: Path) -> None:
    files = {"train.conll": "1\tAda\tO\n2\tran\tO\n", "dev.conll": "Ada\t1\tO\nran\t2\tO\n"}
    folder = write_files(tmp_path, files)
    message = r"dev\.conll: .*tokens from column 0.*train\.conll has .*column 1.*--token-column and --tag-column"
    for read in (open_corpus, columns_taken):
        with pytest.raises(CorpusError, match=message):
            read(folder)
    assert sizes(open_corpus(folder, token_column=0)) == {"train": 1, "dev": 1}
    write_files(tmp_path, {"dev.conll": "Ada\tO\nran\tO\n"})  # with other columns, it may differ
    assert sizes(open_corpus(folder)) == {"train": 1, "dev": 1}
