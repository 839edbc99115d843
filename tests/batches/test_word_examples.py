"""Word examples: what ``tests/tasks/test_tagging.py`` does not check token by token."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from seqkit.batches.word_examples import WordReader
from tests import awkward
from tests.tiny import ROWS

READER = WordReader.fitted(ROWS["tokens"])

words = awkward.texts.filter(bool)
texts_of_words = st.lists(st.lists(words, min_size=1, max_size=5), min_size=1, max_size=6)
rows_of_tiny = st.lists(st.integers(0, len(ROWS["tokens"]) - 1), min_size=1, max_size=9)


@pytest.mark.parametrize("name", ["shapes_U", "affixes_UA", "characters_UL", "characters_U"])
@settings(max_examples=25)
@given(rows=rows_of_tiny)
def test_precomputed_examples_give_the_same_rows_as_others(name: str, rows: list[int]) -> None:
    examples = READER.read(ROWS["tokens"])
    table_S = examples.spellings()[name]
    precomputed = examples.precompute(lambda spellings: spellings[name], torch.device("cpu"))
    one, other = ({**inputs, **shared} for inputs, shared in (examples.tensors(rows), precomputed.tensors(rows)))
    found = one[name][one["spellings_BT"]]  # only as wide as the longest spelling of the batch
    if name == "characters_UL":
        found = F.pad(found, (0, table_S.shape[1] - found.shape[2]))
    assert torch.equal(other["spelling_vectors_UD"][other["spellings_BT"]], found)
    assert torch.equal(other["words_BT"], one["words_BT"])


@settings(max_examples=25)
@given(texts_of_words, texts_of_words)
def test_a_reader_made_from_its_files_reads_the_same(train: list[list[str]], texts: list[list[str]]) -> None:
    reader = WordReader.fitted(train)
    assets = {name: text.encode().decode() for name, text in reader.assets().items()}
    again = WordReader.restored(assets.__getitem__)
    assert again.assets() == assets
    read = [each.read(texts).tensors(range(len(texts))) for each in (reader, again)]
    for one, other in zip(*read, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


@settings(max_examples=25)
@given(texts_of_words, st.integers(1, 3))
def test_words_with_pretrained_vectors_are_not_singletons(train: list[list[str]], minimum_count: int) -> None:
    known = READER.tokenizer.words.entries[2:]
    reader = WordReader.fitted(train, minimum_count, known=known)
    assert len(reader.singletons) == len(reader.tokenizer.words)
    once = {word for word, is_one in zip(reader.tokenizer.words.entries, reader.singletons, strict=True) if is_one}
    assert once.isdisjoint(known)
    assert minimum_count == 1 or not once
    assert all(word in reader.tokenizer.words for word in known)


def test_both_ends_of_a_long_spelling_are_read() -> None:
    lengths = READER.read([["x" * 39, "x" * 40, "x" * 41, "x" * 1000]]).characters_S
    assert lengths.tolist() == [1, 39, 40, 40, 40]  # the first is the length of padding
    ends = READER.read([["Ada" + "!" * 50 + "Ghent"]]).characters_SL[1]
    assert ends[:3].tolist() == READER.characters.ids("Ada")
    assert ends[-5:].tolist() == READER.characters.ids("Ghent")
