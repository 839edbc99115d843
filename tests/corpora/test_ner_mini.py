"""The embedded corpus ner-mini, read without seqkit's readers, matches its card."""

import re
import unicodedata
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

import pytest

from seqkit.text.tagging_schemes import Scheme, illegal_tags

SPLITS = ("train", "dev", "test")
TYPES = ("PER", "ORG", "LOC", "MISC")


class Sentence(NamedTuple):
    split: str
    document: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...]


def read(name: str) -> str:
    return (files("seqkit_corpora") / "ner-mini" / name).read_text(encoding="utf-8")


@cache
def corpus() -> tuple[Sentence, ...]:
    sentences = []
    for split in SPLITS:
        for document in read(f"{split}.conll").split("# newdoc id = ")[1:]:
            name, _, body = document.partition("\n")
            for block in body.strip("\n").split("\n\n"):
                tokens, tags = zip(*(line.split("\t") for line in block.split("\n")), strict=True)
                sentences.append(Sentence(split, name, tokens, tags))
    return tuple(sentences)


def of_split(split: str) -> list[Sentence]:
    return [sentence for sentence in corpus() if sentence.split == split]


def entities(sentences: list[Sentence]) -> list[tuple[str, str]]:
    """Return the type and surface form of each entity mention; the tags are IOB2."""
    found: list[tuple[str, list[str]]] = []
    for token, tag in chain.from_iterable(zip(s.tokens, s.tags, strict=True) for s in sentences):
        if tag.startswith("B-"):
            found.append((tag[2:], [token]))
        elif tag.startswith("I-"):
            found[-1][1].append(token)
    return [(label, " ".join(tokens)) for label, tokens in found]


def skeleton(sentence: Sentence) -> str:
    """Return the sentence in lower case, with each entity replaced by its type."""
    pairs = zip(sentence.tokens, sentence.tags, strict=True)
    return " ".join(token.lower() if tag == "O" else tag[2:] for token, tag in pairs if not tag.startswith("I-"))


def repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def card_counts() -> dict[str, list[int]]:
    """Return the rows of the card's tables: the numbers by the first cell."""
    rows = re.findall(r"^\| (\S.*?) \|((?: \d+ \|)+)$", read("CARD.md"), flags=re.MULTILINE)
    return {title: [int(number) for number in cells.split("|")[:-1]] for title, cells in rows}


def split_counts() -> dict[str, list[int]]:
    """Return the same counts from the files: train, dev, test and total."""
    counts: dict[str, list[int]] = {}
    for split in SPLITS:
        sentences = of_split(split)
        labels = Counter(label for label, _ in entities(sentences))
        column = {
            "documents": len({sentence.document for sentence in sentences}),
            "sentences": len(sentences),
            "tokens": sum(len(sentence.tokens) for sentence in sentences),
            "entities": labels.total(),
            **{label: labels[label] for label in TYPES},
        }
        for title, count in column.items():
            counts.setdefault(title, []).append(count)
    return {title: [*numbers, sum(numbers)] for title, numbers in counts.items()}


def test_size() -> None:
    lengths = [len(sentence.tokens) for sentence in corpus()]
    assert len(lengths) >= 1200
    assert len({sentence.document for sentence in corpus()}) >= 80
    assert 17 <= sum(lengths) / len(lengths) <= 26


def test_tags_are_legal_iob2_of_the_four_types() -> None:
    flaws = [(s.document, illegal_tags(s.tags, Scheme.IOB2)) for s in corpus() if illegal_tags(s.tags, Scheme.IOB2)]
    assert flaws == []
    assert {tag[2:] for sentence in corpus() for tag in sentence.tags if tag != "O"} == set(TYPES)


def test_tokens_are_well_formed() -> None:
    tokens = {token for sentence in corpus() for token in sentence.tokens}
    assert [token for token in tokens if not token or re.search(r"[\s\[\]]", token)] == []
    assert [token for token in tokens if any(unicodedata.category(char) in ("Cc", "Cn", "Co") for char in token)] == []
    assert [token for token in tokens if unicodedata.normalize("NFC", token) != token] == []
    unsplit = re.compile(r"""\w[,;:?!"]$ | ^["(]\w | \w's$ | \wn't$""", re.VERBOSE)
    assert [token for token in tokens if unsplit.search(token) and token != "n't"] == []


@pytest.mark.parametrize("lower", [False, True])
def test_no_sentence_is_repeated(lower: bool) -> None:
    texts = [" ".join(sentence.tokens) for sentence in corpus()]
    assert repeated([text.lower() if lower else text for text in texts]) == []


def test_no_two_sentences_with_the_same_skeleton() -> None:
    assert repeated([skeleton(sentence) for sentence in corpus()]) == []


def test_skeleton_masks_whole_entities() -> None:
    sentence = Sentence("train", "d", ("Ann", "Bo", "left", "Oslo"), ("B-PER", "I-PER", "O", "B-LOC"))
    assert skeleton(sentence) == "PER left LOC"
    assert entities([sentence]) == [("PER", "Ann Bo"), ("LOC", "Oslo")]


def test_each_document_is_in_one_split_and_marked_once() -> None:
    headers = [name for split in SPLITS for name in re.findall(r"# newdoc id = (\S+)\n", read(f"{split}.conll"))]
    assert repeated(headers) == []
    assert {sentence.document for sentence in corpus()} == set(headers)


def test_split_shares_by_sentences() -> None:
    shares = [100 * len(of_split(split)) / len(corpus()) for split in SPLITS]
    assert shares == pytest.approx([70, 15, 15], abs=2)


def test_every_genre_is_in_every_split() -> None:
    genres = [{sentence.document.partition("-")[0] for sentence in of_split(split)} for split in SPLITS]
    assert genres[0] == genres[1] == genres[2]


def test_most_test_entities_are_not_in_train() -> None:
    train = {surface for _, surface in entities(of_split("train"))}
    mentions = [surface for _, surface in entities(of_split("test"))]
    unseen = [surface for surface in mentions if surface not in train]
    assert len(unseen) >= len(mentions) / 2
    assert len(set(unseen)) >= len(set(mentions)) / 2
    numbers = (len(mentions), len(unseen), len(set(mentions)), len(set(unseen)))
    stated = re.findall(r"\d+", read("CARD.md").partition("Of the ")[2])
    assert (stated[0], stated[1], stated[3], stated[4]) == tuple(str(number) for number in numbers)


def test_card_counts_equal_the_files() -> None:
    card = card_counts()
    assert {title: card[title] for title in split_counts()} == split_counts()


def test_card_genres_equal_the_files() -> None:
    card = {match[1]: row for title, row in card_counts().items() if (match := re.search(r"\(`(\w+)`\)", title))}
    documents = {(sentence.split, sentence.document) for sentence in corpus()}
    counts = Counter((split, name.partition("-")[0]) for split, name in documents)
    genres = {genre for _, genre in counts}
    rows = {genre: [counts[split, genre] for split in SPLITS] for genre in genres}
    assert card == {genre: [*row, sum(row)] for genre, row in rows.items()}
