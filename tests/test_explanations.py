"""Word attributions: weights are checked by leaving words out; the page and the line contain the whole text."""

import html.parser
import math
import re
import sys
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("captum", reason="captum is not installed")

from seqkit.classifier import Classifier
from seqkit.errors import ConfigError, MissingExtraError
from seqkit.explanations import Explanation, WordWeight, explain, html_page
from seqkit.text.words import WordTokenizer
from tests.awkward import texts
from tests.tiny_labels import LABELS, LIKED, STARS, TEXTS, TOPICS, tiny_classifier

ANSWERS: dict[str, list[Any]] = {"strings": LABELS, "stars": STARS, "liked": LIKED, "topics": TOPICS}


@cache
def trained(kind: str = "strings", **changes: Any) -> Classifier:
    """Return a partly trained classifier: its predictions are better than chance, but not confident."""
    return tiny_classifier(still=True, **{"epochs": 3, **changes}).fit(TEXTS, ANSWERS[kind])


def log_odds(model: Classifier, text: str, label: Any) -> float:
    probability = model.predict_proba([text])[0][model.classes_.tolist().index(label)]
    return math.log(probability / (1 - probability))


# Weights.


@pytest.mark.parametrize(
    ("kind", "label", "changes"),
    [
        ("strings", "good", {}),
        ("strings", "bad", {"ngrams": 0}),
        ("stars", 2, {}),
        ("liked", False, {"unit": "bpe"}),
        ("topics", "food", {}),
    ],
)
def test_a_weight_is_the_decrease_of_the_log_odds_without_the_word(
    kind: str, label: Any, changes: dict[str, Any]
) -> None:
    model = trained(kind, **changes)
    for text in ("The soup was not cold, and we LOVED the café", "bed", "warm  warm\tbed"):
        found = explain(model, text, label)
        assert (found.text, found.label) == (text, label)
        assert found.probability == pytest.approx(model.predict_proba([text])[0][model.classes_.tolist().index(label)])
        assert [word[:3] for word in found.words] == [
            (token.start, token.end, token.text) for token in WordTokenizer().tokenize(text)
        ]
        whole = log_odds(model, text, label)
        for word in found.words:
            rest = f"{text[: word.start]} {text[word.end :]}"
            assert word.weight == pytest.approx(whole - log_odds(model, rest, label), abs=1e-4)


def test_the_most_probable_label_is_explained_by_default() -> None:
    for kind in ("strings", "stars", "liked"):
        for text in TEXTS[:3]:
            found = explain(trained(kind), text)
            assert found.label == trained(kind).predict([text])[0]
            assert found.probability == pytest.approx(trained(kind).predict_proba([text]).max())


def test_the_weights_of_two_labels_are_opposite() -> None:
    good, bad = (explain(trained(), TEXTS[5], label) for label in ("good", "bad"))
    np.testing.assert_allclose([w.weight for w in good.words], [-w.weight for w in bad.words], atol=1e-6)


def test_a_long_text_is_explained_in_runs_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqkit.explanations.MAX_GROUPS", 30)
    model = trained()
    words = ["cold" if number % 7 else "warm" for number in range(3 * 30 - 5)]
    text = " ".join(words)
    found = explain(model, text, "good")
    assert [word.text for word in found.words] == words
    groups = [found.words[start : start + 3] for start in range(0, len(words), 3)]
    assert len(groups) <= 30
    whole = log_odds(model, text, "good")
    for group in groups:
        assert len({word.weight for word in group}) == 1
    for group in (groups[0], groups[20], groups[-1]):
        rest = text
        for word in reversed(group):
            rest = f"{rest[: word.start]} {rest[word.end :]}"
        assert group[0].weight == pytest.approx(whole - log_odds(model, rest, "good"), abs=1e-4)


def test_a_text_without_words_has_no_weights() -> None:
    model = trained()
    for text in ("", " \n"):
        found = explain(model, text)
        assert found.words == []
        assert found.probability == pytest.approx(0.5)
        assert found.to_rich().plain.endswith(text)
        assert text in found.to_html()


@given(texts)
@settings(max_examples=20)
def test_words_have_correct_offsets(text: str) -> None:
    words = explain(trained(), text).words
    assert all(text[word.start : word.end] == word.text for word in words)
    assert all(left.end <= right.start for left, right in pairwise(words))
    assert all(math.isfinite(word.weight) for word in words)


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(ConfigError, match="no label 'odd'; there is bad, good"):
        explain(trained(), "bed", "odd")
    with pytest.raises(ConfigError, match="no label 4; there is 1, 2, 3"):
        explain(trained("stars"), "bed", 4)


def test_missing_captum_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'seqkit[explain]'")):
        explain(trained(), "bed")


# The page and the line for a terminal.


class Page(html.parser.HTMLParser):
    """A parsed page: its text, and each coloured word with its style and title."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.spans: list[tuple[str, str, str]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag == "span":
            found = dict(attributes)
            assert found.keys() == {"style", "title"}
            self.spans.append((str(found["style"]), str(found["title"]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "p" in self.open:
            self.text += data
        if "span" in self.open:
            style, title, text = self.spans[-1]
            self.spans[-1] = (style, title, text + data)


AWKWARD = "I said \"bed & 'breakfast'\" <script>alert(1)</script> </p></span> &amp; <b>cold</b>"


def test_a_page_shows_the_text_and_escapes_its_markup() -> None:
    found = explain(trained(), AWKWARD, "good")
    page = Page(found.to_html())
    assert page.open == []
    assert set(page.tags) == {"p", "b", "span"}
    assert page.text == f"good {found.probability:.2f} {AWKWARD}"
    assert [(title, text) for _, title, text in page.spans] == [
        (f"{word.weight:+.2f}", word.text) for word in found.words
    ]
    for (style, _, _), word in zip(page.spans, found.words, strict=True):
        color, share = re.fullmatch(r"background:rgba\((\d+,\d+,\d+),([\d.]+)\)", style).groups()  # type: ignore[union-attr]
        assert color == ("46,160,67" if word.weight > 0 else "218,54,51")
        assert float(share) == pytest.approx(abs(word.weight) / max(abs(w.weight) for w in found.words), abs=0.006)


def test_a_label_and_a_whole_page_are_escaped_too() -> None:
    found = Explanation("a <i>", '<b onclick="x">', 0.5, [WordWeight(0, 1, "a", 0.0), WordWeight(2, 3, "<", -0.5)])
    page = Page(html_page([found, explain(trained(), AWKWARD)]))
    assert page.open == []
    assert "script" not in page.tags
    assert "i" not in page.tags
    assert page.text.startswith('<b onclick="x"> 0.50 a <i>')
    assert AWKWARD in page.text
    assert Page(html_page([])).open == []


@pytest.mark.parametrize("text", [AWKWARD, "[bold]no [/markup]", "naïve 😀 👩🏽‍🚀\n\tbed", "", "  bed  "])
def test_the_line_for_a_terminal_contains_the_whole_text(text: str) -> None:
    found = explain(trained(), text, "bad")
    line = found.to_rich()
    assert line.plain == f"bad {found.probability:.2f}  {text}"
    colored = {line.plain[span.start : span.end] for span in line.spans if " on rgb" in str(span.style)}
    most = max((abs(word.weight) for word in found.words), default=0)
    assert colored == {word.text for word in found.words if abs(word.weight) > 0.05 * most}
