"""Splits that are missing are taken from train."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.corpora import corpus_fingerprint, open_corpus
from seqkit.data.missing_splits import deal
from seqkit.errors import ConfigError, CorpusError
from tests.tiny_corpora import TEST, conll, decoded, sizes, write_files


def documents_of(corpus: Any, split: str) -> set[str]:
    return set(corpus[split]["document"][:])


def test_dev_is_made_of_whole_documents(tmp_path: Path) -> None:
    text = "".join(f"# newdoc id = d{i}\n{conll(*[f'w{i}.{j}/O' for j in range(1 + i % 4)])}\n" for i in range(40))
    path = write_files(tmp_path, {"train.conll": text}) / "train.conll"
    corpus = open_corpus(path, dev_fraction=0.2, test_fraction=0.1, seed=3)
    assert sum(map(len, corpus.values())) == 100
    assert len(corpus["dev"]) == 20
    assert len(corpus["test"]) == 10
    assert not documents_of(corpus, "train") & documents_of(corpus, "dev")
    assert not documents_of(corpus, "train") & documents_of(corpus, "test")
    assert not documents_of(corpus, "dev") & documents_of(corpus, "test")
    again = open_corpus(path, dev_fraction=0.2, test_fraction=0.1, seed=3)
    other = open_corpus(path, dev_fraction=0.2, test_fraction=0.1, seed=4)
    assert corpus_fingerprint(again) == corpus_fingerprint(corpus) != corpus_fingerprint(other)
    whole = open_corpus(path, dev_fraction=0)["train"]
    at_hand = open_corpus(whole, dev_fraction=0.2, test_fraction=0.1, seed=3)
    assert at_hand["dev"]["tokens"][:] == corpus["dev"]["tokens"][:]


def test_dev_is_made_of_sentences_where_no_documents_are_marked(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.conll": conll(*[f"w{i}/O" for i in range(50)]), "test.conll": TEST})
    corpus = open_corpus(tmp_path)
    assert sizes(corpus) == {"train": 45, "test": 1, "dev": 5}
    tokens = [row["tokens"][0] for split in ("train", "dev") for row in corpus[split]]
    assert sorted(tokens) == sorted(f"w{i}" for i in range(50))
    assert set(open_corpus(tmp_path, dev_fraction=0)) == {"train", "test"}


def test_labels_that_only_dev_got_come_after_those_of_train(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.conll": conll(*[f"w/B-{name}" for name in "abcdefghij"])}) / "a.conll"
    corpus = open_corpus(path, dev_fraction=0.3)
    names = corpus["train"].features["tags"].feature.names
    in_train = sorted(tags[0] for _, tags in decoded(corpus["train"]))
    assert names[:7] == in_train
    assert names[7:] == sorted(tags[0] for _, tags in decoded(corpus["dev"]))


def test_the_end_of_plain_text_is_dev(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.txt": "".join(f"it is line {i}\n" for i in range(20))}) / "a.txt"
    corpus = open_corpus(path, dev_fraction=0.1, test_fraction=0.2)
    numbers = {split: [int(text.split()[-1]) for text in rows["text"][:]] for split, rows in corpus.items()}
    assert {split: sorted(found) for split, found in numbers.items()} == numbers
    assert sorted(itertools.chain(*numbers.values())) == list(range(20))
    assert numbers["train"] == list(range(14))


def test_too_little_to_share_and_fractions_without_meaning(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.conll": "-DOCSTART- O\n\nAda\tO\n\nran\tO\n"}) / "a.conll"
    with pytest.raises(CorpusError, match=r"a\.conll: 1 document cannot be shared among train, dev; give a file"):
        open_corpus(path)
    with pytest.raises(ConfigError, match="dev_fraction must be at least 0 and below 1, not 1"):
        open_corpus(path, dev_fraction=1)


@given(
    st.lists(st.sampled_from([None, *"abcdefgh"]), min_size=1, max_size=60),
    st.floats(0.01, 0.45),
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
)
def test_dealing_shares_everything_once(
    documents: list[str | None], fraction: float, by_document: bool, in_order: bool, seed: int
) -> None:
    units = len(set(documents)) if by_document else len(documents)
    arguments: dict[str, Any] = {"seed": seed, "in_order": in_order, "documents": documents if by_document else None}
    if units < 3:
        with pytest.raises(CorpusError, match="cannot be shared"):
            deal(len(documents), {"dev": fraction, "test": fraction}, **arguments)
        return
    dealt = deal(len(documents), {"dev": fraction, "test": fraction}, **arguments)
    assert sorted(itertools.chain(*dealt.values())) == list(range(len(documents)))
    assert all(rows and rows == sorted(rows) for rows in dealt.values())
    if by_document:
        owners = [{documents[row] for row in rows} for rows in dealt.values()]
        assert sum(map(len, owners)) == len(set(documents))
    else:
        assert len(dealt["dev"]) == max(1, round(fraction * len(documents)))
