"""The embedded corpus prose-mini, read without seqkit's readers, matches its card."""

import json
import re
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import chain, combinations

SPLITS = ("train", "dev", "test")


def read(name: str) -> str:
    return (files("seqkit_corpora") / "prose-mini" / name).read_text(encoding="utf-8")


@cache
def corpus() -> dict[str, dict[str, str]]:
    """Return the texts of each split by the names of their documents."""
    rows = {split: [json.loads(line) for line in read(f"{split}.jsonl").splitlines()] for split in SPLITS}
    return {split: {row["document"]: row["text"] for row in rows[split]} for split in SPLITS}


def every_text() -> list[str]:
    return [text for texts in corpus().values() for text in texts.values()]


def test_the_counts_of_the_card_match_the_files() -> None:
    cells = re.findall(r"^\| (.+?) \|((?: \d+ \|){4})$", read("CARD.md"), flags=re.MULTILINE)
    card = {title: [int(number) for number in numbers.split("|")[:-1]] for title, numbers in cells}
    counts: dict[str, list[int]] = {}
    for texts in corpus().values():
        genres = Counter(name.rpartition("-")[0] for name in texts)
        found = {"documents": len(texts), "characters": sum(map(len, texts.values()))}
        found["words"] = sum(len(text.split()) for text in texts.values())
        for title in card:
            if genre := re.search(r"\(`(\w+)`\)", title):
                found[title] = genres[genre[1]]
        for title, count in found.items():
            counts.setdefault(title, []).append(count)
    assert card == {title: [*numbers, sum(numbers)] for title, numbers in counts.items()}


def test_it_is_as_large_as_a_first_language_model_needs() -> None:
    assert sum(map(len, every_text())) >= 150_000
    assert sum(map(len, corpus()["train"].values())) >= 150_000
    for split in ("dev", "test"):
        assert sum(map(len, corpus()[split].values())) >= 20_000


def test_each_split_has_every_genre() -> None:
    genres = [{name.rpartition("-")[0] for name in texts} for texts in corpus().values()]
    assert len(genres[0]) >= 5
    assert genres[0] == genres[1] == genres[2]


def test_document_names_and_texts_are_unique() -> None:
    names = list(chain.from_iterable(corpus().values()))
    assert len(names) == len(set(names))
    assert len(set(every_text())) == len(names)
    paragraphs = Counter(part for text in every_text() for part in set(text.split("\n\n")) if len(part) > 60)
    assert [part for part, count in paragraphs.items() if count > 1] == []


def test_no_two_documents_share_a_template() -> None:
    """Two documents have hardly any sequence of six words in common."""

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z']+", text.lower())
        return set(zip(*(words[start:] for start in range(6)), strict=False))

    found = {name: runs(text) for texts in corpus().values() for name, text in texts.items()}
    shared = {
        (one, other): len(found[one] & found[other]) / min(len(found[one]), len(found[other]))
        for one, other in combinations(found, 2)
    }
    assert {pair: share for pair, share in shared.items() if share > 0.05} == {}


def test_the_texts_are_plain() -> None:
    for text in every_text():
        assert text.isascii()
        assert text.endswith("\n")
        assert not re.search(r"\t|\r|[ ]\n|\n{3}| {2}", text)
        assert set(re.findall(r"[^\w\s]", text)) <= set(".,;:!?'\"-()/&*%$#+=@_[]<>`~|\\^{}")
