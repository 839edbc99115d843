"""Text as tokens and back: nothing is lost, nothing depends on the pieces, and the saved file says the same."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import seqkit.text.text_chunks as module
from seqkit.data.texts import open_texts
from seqkit.errors import CheckpointError, ConfigError, CorpusError
from seqkit.text.lm_rules import END
from seqkit.text.lm_tokenizer import TextTokenizer
from seqkit.text.vocabulary import UNKNOWN
from seqkit.text.words import WordTokenizer

# What meets in awkward ways: white space of every kind, marks, joiners, and what looks like an entry of a vocabulary.
PIECES = [
    *(
        "a",
        "B",
        "word",
        "don't",
        "-",
        "'",
        "1",
        "1,000",
        ".",
        "...",
        "?!",
        "(",
        '"',
        "_",
        "é",
        "e\u0301",
        "\u0301",
        "中",
    ),
    *("👩\u200d👩", "👍🏽", "❤️", "\u200d", "\xad", END, UNKNOWN, "<", "Ġ", "▁", "\ufffd", "\ufeff", "\0", "\U0010ffff"),
    *(" ", "  ", "\n", "\n\n", "\r\n", "\r", "\t", "\f", "\v", "\x1c", "\x1f", "\x85", "\xa0", "\u2028", "\u3000"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(st.characters(exclude_categories=["Cs"]))
some_texts = texts.filter(bool)
few = settings(max_examples=50)  # each makes a vocabulary, which takes milliseconds
kinds = st.sampled_from([("char", False), ("word", False), ("word", True), ("bpe", False)])


def fitted(kind: tuple[Any, bool], *pieces: str, **settings: Any) -> TextTokenizer:
    return TextTokenizer.fitted(kind[0], [pieces], pretokenized=kind[1], **settings)


def joined(tokenizer: TextTokenizer, pieces: Iterable[str]) -> list[int]:
    return [index for ids in tokenizer.encode_pieces(pieces) for index in ids.tolist()]


def cut_at(text: str, places: Iterable[int]) -> list[str]:
    return [text[start:stop] for start, stop in pairwise([0, *sorted(places), len(text)])]


# Nothing is lost


@few
@given(st.sampled_from(["char", "word", "bpe"]), some_texts)
def test_known_text_comes_back_as_it_was(unit: str, text: str) -> None:
    tokenizer = fitted((unit, False), text)
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int64
    assert tokenizer.decode(ids) == text
    assert tokenizer.unknown(text) == []
    # Not even where it reads <eos> or <unk> is it one of these.
    assert tokenizer.end_id not in ids
    assert tokenizer.unknown_id not in ids.tolist()


@few
@given(some_texts, texts)
def test_byte_pairs_know_every_text(learnt: str, text: str) -> None:
    tokenizer = fitted(("bpe", False), learnt)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.unknown(text) == []
    assert tokenizer.unknown_id is None


@few
@given(some_texts, texts)
def test_unknown_characters_are_named_and_shown(learnt: str, text: str) -> None:
    tokenizer = fitted(("char", False), learnt)
    assert tokenizer.unknown(text) == [each for each in dict.fromkeys(text) if each not in learnt]
    assert tokenizer.decode(tokenizer.encode(text)) == "".join(c if c in learnt else "\ufffd" for c in text)


@few
@given(some_texts, texts)
def test_pretokenized_words_are_what_white_space_separates(learnt: str, text: str) -> None:
    tokenizer = fitted(("word", True), learnt)
    known = {*learnt.split(), END, UNKNOWN}
    assert tokenizer.unknown(text) == [word for word in dict.fromkeys(text.split()) if word not in known]
    lines = [[word if word in known else UNKNOWN for word in line.split()] for line in text.split("\n")]
    expected = " \n".join("".join(f" {word}" for word in line) for line in lines)
    assert tokenizer.decode(tokenizer.encode(text)) == expected.replace(f" {END}", " \n")


def test_words_are_pieces_with_the_space_before_them() -> None:
    text = 'It\'s  a well-known 1,250.50-dollar\tbet,\r\n  isn’t it?!  \n\n"Yes..." e\u0301te\u0301 ❤️ <eos> under_score'
    tokenizer = fitted(("word", False), text)
    assert [tokenizer.pieces[index].decode() for index in tokenizer.encode(text)] == [
        *(
            "It's",
            " ",
            " a",
            " well-known",
            " 1,250.50-dollar",
            "\t",
            "bet",
            ",",
            "\r\n",
            " ",
            " isn’t",
            " it",
            "?",
            "!",
        ),
        *("  ", "\n", "\n", '"', "Yes", "...", '"', " e\u0301te\u0301", " ❤️", " <", "eos", ">", " under", "_", "score"),
    ]
    assert tokenizer.unknown("It's bad, bad\n bet \ud800") == ["bad", "bet", "\ufffd"]
    assert tokenizer.decode(tokenizer.encode("It's bad.")) == "It's <unk> <unk>"


def test_half_a_surrogate_pair_is_an_unknown_character() -> None:
    for unit in ("char", "word", "bpe"):
        tokenizer = fitted((unit, False), "a")
        assert tokenizer.encode("a\ud800a").tolist() == tokenizer.encode("a\ufffda").tolist()


# Nothing depends on the pieces


@few
@given(kinds, some_texts, st.data())
def test_cutting_a_text_elsewhere_changes_nothing(kind: tuple[str, bool], text: str, data: st.DataObject) -> None:
    pieces = cut_at(text, data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunk = data.draw(st.integers(1, 20))
    tokenizer = fitted(kind, text)
    expected, saved = tokenizer.encode(text).tolist(), tokenizer.to_json()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_LENGTH", chunk)
        patch.setattr(module, "BATCH_LENGTH", 3 * chunk)
        assert joined(tokenizer, pieces) == joined(tokenizer, [text]) == joined(tokenizer, text) == expected
        assert fitted(kind, *pieces).to_json() == fitted(kind, *text).to_json() == saved
        # Where no place is safe a text is cut by force, at the same place always.
        patch.setattr(module, "LONGEST_CHUNK", chunk + data.draw(st.integers(0, 20)))
        assert joined(tokenizer, pieces) == joined(tokenizer, [text]) == joined(tokenizer, text)
        assert fitted(kind, *pieces).to_json() == fitted(kind, *text).to_json()


def test_a_text_without_any_place_to_cut_is_cut_by_force() -> None:
    text = "中" * 1_200_000  # the longest piece has 64 characters
    for unit in ("word", "bpe"):
        tokenizer = fitted((unit, False), text[:960], "\n", text[: 1_200_000 % 64])
        parts = [list(tokenizer.encode_pieces(pieces)) for pieces in ([text], cut_at(text, [7, 1_000_007]))]
        assert sum(len(tokenizer.pieces[index]) for index in parts[0][0]) == 3 * module.LONGEST_CHUNK
        assert np.array_equal(np.concatenate(parts[0]), np.concatenate(parts[1]))
        assert tokenizer.decode(np.concatenate(parts[0])) == text


@few
@given(kinds, st.lists(texts, max_size=5), st.integers(1, 20))
def test_documents_are_encoded_one_by_one_with_an_end_after_each(
    kind: tuple[str, bool], documents: list[str], batch: int
) -> None:
    tokenizer = fitted(kind, "a", *documents[:2])
    encoded = [tokenizer.encode(document).tolist() for document in documents]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_LENGTH", batch)
        for ended in (True, False):
            parts = tokenizer.encode_documents([[document] for document in documents], ended=ended)
            ids = [index for part in parts for index in part.tolist()]
            assert ids == [index for each in encoded for index in [*each, *[tokenizer.end_id] * ended]]


# The saved file


@few
@given(kinds, some_texts, texts)
def test_the_saved_file_says_the_same_without_seqkit(kind: tuple[str, bool], learnt: str, text: str) -> None:
    tokenizer = fitted(kind, learnt)
    saved = tokenizer.to_json()
    library, restored = tokenizers.Tokenizer.from_str(saved), TextTokenizer.from_json(saved)
    ids = tokenizer.encode(text).tolist()
    assert library.encode(text).ids == restored.encode(text).tolist() == ids
    assert library.decode(ids) == restored.decode(ids) == tokenizer.decode(ids)
    assert (restored.unit, restored.pretokenized, restored.pieces) == (*kind, tokenizer.pieces)
    assert restored.to_json() == saved
    assert len(restored) == len(tokenizer) == len(tokenizer.pieces) == library.get_vocab_size()


@few
@given(kinds, st.data())
def test_any_tokens_make_the_text_that_the_library_makes(kind: tuple[str, bool], data: st.DataObject) -> None:
    tokenizer = fitted(kind, "".join(PIECES))
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), min_size=1))  # bytes that are no UTF-8, too
    assert tokenizer.decode(ids) == tokenizers.Tokenizer.from_str(tokenizer.to_json()).decode(ids)


@pytest.mark.parametrize(
    "text",
    ["", "{}", WordTokenizer().to_json(), tokenizers.Tokenizer(tokenizers.models.BPE()).to_str(),
     fitted(("char", False), "ab").to_json().replace('"b": 3', '"b": 4'),
     fitted(("char", False), "ab").to_json().replace('"b": 3', '"bc": 3')],
)  # fmt: skip
def test_a_foreign_or_damaged_file_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json cannot be read \(.*\); restore it or train again"):
        TextTokenizer.from_json(text)


# The vocabulary


@few
@given(some_texts, st.integers(1, 3), st.none() | st.integers(3, 8))
def test_the_most_frequent_come_first_and_stay(text: str, minimum: int, size: int | None) -> None:
    rule = tokenizers.Tokenizer.from_str(fitted(("word", False), "a").to_json()).pre_tokenizer
    words = [piece for piece, _ in rule.pre_tokenize_str(text)]
    assert "".join(words) == text
    for kind, tokens, space in (
        (("char", False), list(text), ""),
        (("word", False), words, ""),
        (("word", True), [word for word in text.split() if word not in (END, UNKNOWN)], " "),
    ):
        counts = Counter(tokens)
        ordered = sorted(
            (token for token in counts if counts[token] >= minimum), key=lambda each: (-counts[each], each)
        )
        tokenizer = fitted(kind, text, minimum_count=minimum, vocabulary_size=size)
        kept = ordered[: None if size is None else size - 2]
        assert [piece.decode() for piece in tokenizer.pieces[2:]] == [f"{space}{token}" for token in kept]
        assert (tokenizer.end_id, tokenizer.unknown_id) == (0, 1)


@few
@given(some_texts, st.integers(257, 300))
def test_byte_pairs_are_every_byte_and_what_occurs_twice(text: str, size: int) -> None:
    tokenizer = fitted(("bpe", False), text, vocabulary_size=size)
    assert len(tokenizer) <= size
    assert tokenizer.pieces[0] == b""
    assert sorted(tokenizer.pieces[1:257]) == [bytes([byte]) for byte in range(256)]
    assert all(len(piece) > 1 and text.encode().count(piece[:1]) > 1 for piece in tokenizer.pieces[257:])


def test_byte_pairs_are_merged_as_in_the_paper() -> None:
    # Sennrich et al. (2016), algorithm 1 and its example: "e s", "es t", and then "l o", "lo w".
    text = "low\n" * 5 + "lower\n" * 2 + "newest\n" * 6 + "widest\n" * 3
    pieces = fitted(("bpe", False), text, vocabulary_size=261).pieces
    assert pieces[257:] == [b"es", b"est", b"lo", b"low"]
    assert len(fitted(("bpe", False), text, minimum_count=9).pieces) == 259
    assert len(fitted(("bpe", False), text, minimum_count=10).pieces) == 257


def test_byte_pairs_learn_from_a_text_without_words_in_time() -> None:
    tokenizer = fitted(("bpe", False), "ab" * 200_000, vocabulary_size=300)
    assert tokenizer.decode(tokenizer.encode("ab" * 50)) == "ab" * 50


@pytest.mark.slow
def test_wikitext_has_the_tokens_it_is_known_for(public_data: Path) -> None:
    splits = open_texts(public_data / "wikitext2")
    tokenizer = TextTokenizer.fitted("word", splits["train"].documents(), pretokenized=True)
    assert len(tokenizer) == 33_278
    ids = {}
    for split in ("train", "dev"):
        ids[split] = np.concatenate(list(tokenizer.encode_documents(splits[split].documents(), ended=False)))
    assert (len(ids["train"]), len(ids["dev"])) == (2_088_628, 217_646)
    text = (public_data / "wikitext2" / "valid.txt").read_bytes().decode()
    assert tokenizer.decode(ids["dev"]) == text
    assert (ids["dev"] == tokenizer.end_id).sum() == text.count("\n")
    assert (ids["dev"] == tokenizer.unknown_id).sum() == text.split().count(UNKNOWN)


def test_pretokenized_text_has_the_ends_that_it_has() -> None:
    tokenizer = fitted(("word", True), " the <unk> sat\n\n")
    assert tokenizer.pieces == [b" \n", b" <unk>", b" sat", b" the"]
    assert tokenizer.encode("the\r\n dog  sat").tolist() == [3, 0, 1, 2]
    assert tokenizer.encode("the\n\n").tolist() == [3, 0, 0]


# What is refused


@pytest.mark.parametrize(
    ("unit", "given_settings", "message"),
    [
        ("letter", {}, "unknown unit 'letter'; choose from char, word, bpe"),
        ("char", {"pretokenized": True}, "its unit is word, not char"),
        ("bpe", {"pretokenized": True}, "its unit is word, not bpe"),
        ("word", {"minimum_count": 0}, "minimum_count must be at least 1, not 0"),
        ("bpe", {"vocabulary_size": 256}, "vocabulary_size must be at least 257 for bpe, not 256"),
        ("word", {"vocabulary_size": 2}, "vocabulary_size must be at least 3 for word, not 2"),
    ],
)
def test_settings_that_make_no_sense(unit: Any, given_settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TextTokenizer.fitted(unit, [["a"]], **given_settings)


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
def test_texts_that_cannot_be_learnt_from(tmp_path: Path, unit: Any) -> None:
    with pytest.raises(CorpusError, match="the train split is empty"):
        TextTokenizer.fitted(unit, [[""], []])
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl:2: no text under 'text'"):
        TextTokenizer.fitted(unit, open_texts(path, dev_fraction=0)["train"].documents())
    assert json.loads(TextTokenizer.fitted(unit, [["a"]]).to_json())["added_tokens"] == []
