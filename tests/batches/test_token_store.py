"""Stored tokens: equal to the encoded text, in the smallest type, on disk and not in memory."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqkit.batches.token_store import store_tokens
from seqkit.data.texts import Texts, from_strings, open_texts
from seqkit.errors import CorpusError
from seqkit.text.lm_tokenizer import TextTokenizer

DOCUMENTS = ["naïve 👍🏽\n", "", "two  words\r\n", "\n\n"]


@pytest.mark.parametrize(("unit", "pretokenized"), [("char", False), ("word", False), ("word", True), ("bpe", False)])
@pytest.mark.parametrize("many", [True, False])
def test_stored_ids_equal_the_encoded_text(unit: Any, pretokenized: bool, many: bool) -> None:
    documents = DOCUMENTS if many else ["".join(DOCUMENTS)]
    texts = Texts(lambda: documents, many=many)  # a string is an iterable of its characters
    tokenizer = TextTokenizer.fitted(unit, texts.documents(), pretokenized=pretokenized)
    store = store_tokens(tokenizer, texts)
    ended = many and not pretokenized
    expected = [
        index for each in documents for index in [*tokenizer.encode(each).tolist(), *[tokenizer.end_id] * ended]
    ]
    assert store.ids.tolist() == expected
    assert store.characters == sum(map(len, DOCUMENTS))
    assert store.bytes == len("".join(DOCUMENTS).encode())
    if not pretokenized:
        assert tokenizer.decode(store.ids) == "".join(DOCUMENTS)


@pytest.mark.parametrize(
    ("size", "dtype"), [(256, np.uint8), (257, np.uint16), (65_536, np.uint16), (65_537, np.uint32)]
)
def test_ids_take_the_smallest_type_that_holds_the_vocabulary(size: int, dtype: type) -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + size - 2)))
    texts = Texts(lambda: [[text]], many=False)
    tokenizer = TextTokenizer.fitted("char", texts.documents())
    ids = store_tokens(tokenizer, texts).ids
    assert len(tokenizer) == size
    assert ids.dtype == dtype
    assert np.array_equal(ids, np.arange(2, size))


def test_ids_are_stored_in_an_unlinked_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    texts = from_strings(["abc"])
    ids = store_tokens(TextTokenizer.fitted("char", texts.documents()), texts).ids
    assert isinstance(ids, np.memmap)
    assert not ids.flags.writeable
    assert ids.tolist() == [2, 3, 4, 0]
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_text() -> None:
    def pieces() -> Iterator[str]:
        return (f"all work and no play {number}\n" * 1000 for number in range(1000))  # 25 MB

    texts = Texts(lambda: [pieces()], many=False)
    tokenizer = TextTokenizer.fitted("char", texts.documents())
    tracemalloc.start()
    store = store_tokens(tokenizer, texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(store.ids) == store.characters == store.bytes == sum(map(len, pieces()))
    assert len(store.ids) > 24_000_000
    assert peak < 12_000_000
    assert tokenizer.decode(store.ids[-26:]) == "\nall work and no play 999\n"


def test_an_empty_or_unreadable_split_is_an_error(tmp_path: Path) -> None:
    tokenizer = TextTokenizer.fitted("char", [["a"]])
    with pytest.raises(CorpusError, match="the split is empty"):
        store_tokens(tokenizer, from_strings(["", ""]))
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n[]\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl:2: this is not an object"):
        store_tokens(tokenizer, open_texts(path, dev_fraction=0)["train"])


def test_a_full_disk_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs Linux's /dev/full, a file that is always full")
    texts = from_strings(["abc"])
    tokenizer = TextTokenizer.fitted("char", texts.documents())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full.open("wb", buffering=0))
    with pytest.raises(CorpusError, match=r"^\S+: cannot write tokens here \(No space left .*set TMPDIR .*") as caught:
        store_tokens(tokenizer, texts)
    assert caught.value.file == str(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(CorpusError, match=r"gone: cannot write tokens here \(No such file or directory\)"):
        store_tokens(tokenizer, texts)
