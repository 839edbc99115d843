"""Word attributions: how much each word contributes to a label.

A text, its label, and the contribution of each word to the label's log-odds (the extra ``explain`` installs captum)::

    "Not bad at all!"   positive      Not +1.9   bad −1.1   at +0.3   all +0.6   ! +0.1

Occlusion (Zeiler and Fergus 2014) explains the whole model, n-grams included, and needs no gradient: each word is left
out in turn, and the model reads the rest. captum does the bookkeeping.
"""

import html
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from seqkit.classifier import Classifier
from seqkit.errors import ConfigError, MissingExtraError
from seqkit.text.words import Token

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Explanation", "WordWeight", "explain", "html_page"]

MAX_GROUPS = 200  # a longer text is explained in runs of words, each left out as a whole
TEXTS_AT_ONCE = 64


class WordWeight(NamedTuple):
    """A word, ``text[start:end]``, and by how much the label's log-odds decrease if it is left out."""

    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """The contribution of each word to a label.

    Attributes:
        text: the text.
        label: the explained label.
        probability: the probability of the label.
        words: each word with its weight; a positive weight speaks for the label, a negative one against it.
    """

    text: str
    label: Any
    probability: float
    words: list[WordWeight]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        words = [word._asdict() for word in self.words]
        return {"text": self.text, "label": self.label, "probability": self.probability, "words": words}

    def to_rich(self) -> "Text":
        """Return the text for a terminal: green words speak for the label, red ones against it; brighter is more."""
        from rich.text import Text

        line, end = Text(f"{self.label} {self.probability:.2f}  ", style="bold"), 0
        for word, share in zip(self.words, _shares(self.words), strict=True):
            line.append(self.text[end : word.start], style="not bold")
            light = round(200 * abs(share))
            color = f"rgb({40 + light if share < 0 else 40},{40 + light if share > 0 else 40},40)"
            line.append(word.text, style=f"not bold white on {color}" if abs(share) > 0.05 else "not bold")
            end = word.end
        line.append(self.text[end:], style="not bold")
        return line

    def to_plain(self) -> str:
        """Return the text without colours; each word is followed by its weight."""
        parts, end = [f"{self.label} {self.probability:.2f}  "], 0
        for word in self.words:
            parts.append(f"{self.text[end : word.end]}({word.weight:+.2f})")
            end = word.end
        return "".join([*parts, self.text[end:]])

    def to_html(self) -> str:
        """Return the text as an HTML paragraph; the colour and the title of each word show its weight."""
        parts, end = [f"<p><b>{html.escape(str(self.label))}</b> {self.probability:.2f} "], 0
        for word, share in zip(self.words, _shares(self.words), strict=True):
            parts.append(html.escape(self.text[end : word.start]))
            color = "46,160,67" if share > 0 else "218,54,51"
            style = f"background:rgba({color},{abs(share):.2f})"
            parts.append(f'<span style="{style}" title="{word.weight:+.2f}">{html.escape(word.text)}</span>')
            end = word.end
        return "".join([*parts, html.escape(self.text[end:]), "</p>"])


def explain(classifier: Classifier, text: str, label: Any = None) -> Explanation:
    """Return the contribution of each word of a text to a label.

    Args:
        classifier: a trained classifier.
        text: the text.
        label: the label to explain; None takes the most probable one.

    Raises:
        MissingExtraError: if captum is not installed.
        ConfigError: if the classifier does not have the label, or is not trained yet.

    >>> texts = ["a fine film", "a dull film", "fine acting", "dull and slow"] * 3
    >>> classifier = Classifier(epochs=20).fit(texts, ["good", "bad", "good", "bad"] * 3)
    >>> found = explain(classifier, "one fine evening", "good")
    >>> max(found.words, key=lambda word: word.weight).text
    'fine'
    """
    task = classifier._trained(classifier.fitted)
    probabilities = dict(zip(task.labels, classifier.predict_proba([text])[0].tolist(), strict=True))
    if label is None:
        label = max(probabilities, key=probabilities.__getitem__)
    if label not in probabilities:
        raise ConfigError(f"no label {label!r}; there is {', '.join(map(str, task.labels))}")
    column = task.labels.index(label)
    words = task.tokenizer.tokenize(text)
    group_W = torch.arange(len(words)) // math.ceil(max(len(words), 1) / MAX_GROUPS)

    def log_odds(kept_NW: Tensor) -> Tensor:
        texts = [_without(text, [word for word, keep in zip(words, row, strict=True) if not keep]) for row in kept_NW]
        chances_N = torch.from_numpy(classifier.predict_proba(texts)[:, column]).clamp(1e-9, 1 - 1e-9)
        return chances_N.logit()

    weights = _ablated(log_odds, group_W) if words else []
    return Explanation(
        text,
        label,
        probabilities[label],
        [WordWeight(word.start, word.end, word.text, weight) for word, weight in zip(words, weights, strict=True)],
    )


def html_page(explanations: Iterable[Explanation]) -> str:
    """Return a self-contained HTML page of explanations."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>seqkit: word attributions</title>',
        "<style>body{font:16px/1.7 sans-serif;max-width:50em;margin:2em auto}",
        "span{border-radius:3px;padding:0 2px}</style>",
        *(each.to_html() for each in explanations),
        "<p><small>Green words speak for the label, red ones against it; hover over a word for its weight.</small></p>",
        "</html>",
    ]
    return "\n".join([*parts, ""])


def _ablated(log_odds: Callable[[Tensor], Tensor], group_W: Tensor) -> list[float]:
    """Return the decrease of the log-odds when the group of each word is left out."""
    try:
        from captum.attr import FeatureAblation
    except ImportError:
        raise MissingExtraError("captum", "explain") from None
    ones_1W = torch.ones(1, len(group_W))
    found_1W: Tensor = FeatureAblation(log_odds).attribute(
        ones_1W, baselines=0.0, feature_mask=group_W[None], perturbations_per_eval=TEXTS_AT_ONCE
    )
    weights: list[float] = found_1W[0].tolist()
    return weights


def _without(text: str, words: Sequence[Token]) -> str:
    parts, end = [], 0
    for word in words:
        parts.append(text[end : word.start])
        end = word.end
    return " ".join([*parts, text[end:]])  # without a space, the neighbours of a word would become one word


def _shares(words: Sequence[WordWeight]) -> list[float]:
    """Return weights relative to the largest, from -1 to 1."""
    most = max((abs(word.weight) for word in words), default=0.0)
    return [word.weight / most if most else 0.0 for word in words]
