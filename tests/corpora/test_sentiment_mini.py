"""The embedded corpus sentiment-mini, read without seqkit's readers, matches its card."""

import json
import re
from collections import Counter
from functools import cache
from importlib.resources import files

SPLITS = ("train", "dev", "test")


def read(name: str) -> str:
    return (files("seqkit_corpora") / "sentiment-mini" / name).read_text(encoding="utf-8")


@cache
def corpus() -> dict[str, list[dict[str, str]]]:
    return {split: [json.loads(line) for line in read(f"{split}.jsonl").splitlines()] for split in SPLITS}


def every_text() -> list[str]:
    return [row["text"] for rows in corpus().values() for row in rows]


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_the_counts_of_the_card_match_the_files() -> None:
    cells = re.findall(r"^\| (.+?) \|((?: \d+ \|){4})$", read("CARD.md"), flags=re.MULTILINE)
    card = {title: [int(number) for number in numbers.split("|")[:-1]] for title, numbers in cells}
    counts: dict[str, list[int]] = {}
    for rows in corpus().values():
        labels, domains = Counter(row["label"] for row in rows), Counter(row["domain"] for row in rows)
        found = {"reviews": len(rows), "words": sum(len(row["text"].split()) for row in rows), **labels}
        for title in card:
            if domain := re.search(r"\(`(\w+)`\)", title):
                found[title] = domains[domain[1]]
        for title, count in found.items():
            counts.setdefault(title, []).append(count)
    assert card == {title: [*numbers, sum(numbers)] for title, numbers in counts.items()}


def test_it_is_as_large_and_as_balanced_as_promised() -> None:
    rows = [row for rows in corpus().values() for row in rows]
    assert len(rows) >= 1200
    assert Counter(row["label"] for row in rows) == {"positive": len(rows) // 2, "negative": len(rows) // 2}
    assert len({row["domain"] for row in rows}) == 5
    for row in rows:
        assert row.keys() == {"text", "label", "domain"}
        assert row["text"].isascii()
        assert 8 <= len(row["text"].split()) <= 75
        assert row["text"] == " ".join(row["text"].split())


def test_no_review_or_sentence_frame_is_repeated() -> None:
    assert max(Counter(every_text()).values()) == 1
    runs = Counter(
        run for text in every_text() for run in set(zip(*(words_of(text)[start:] for start in range(6)), strict=False))
    )
    assert max(runs.values()) == 2
    assert sum(count == 2 for count in runs.values()) <= 30
    openings = Counter(" ".join(words_of(text)[:3]) for text in every_text())
    assert max(openings.values()) <= 4
    frames = Counter(
        re.sub(r"\b(?!the\b|a\b|it\b|was\b|and\b|i\b|to\b|of\b)[a-z']+", "_", text.lower()) for text in every_text()
    )
    assert max(frames.values()) <= 2


def test_no_frequent_word_determines_the_label() -> None:
    """No word that occurs in 50 reviews or more occurs with one label only."""
    counts: dict[str, Counter[str]] = {}
    for rows in corpus().values():
        for row in rows:
            for word in set(words_of(row["text"])):
                counts.setdefault(word, Counter())[row["label"]] += 1
    frequent = {word: labels for word, labels in counts.items() if labels.total() >= 50}
    assert len(frequent) > 150
    assert [word for word, labels in frequent.items() if len(labels) == 1] == []
