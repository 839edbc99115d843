"""The plain report, for a kind of result that has none of its own: a line for each score, a line for each prediction.

``seqkit predict`` asks for a method ``stream`` that turns texts into results, as those of ``Tagger`` and ``Classifier``
do.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from seqkit.tasks.spec import Result, Scores, TaskSpec
from seqkit_cli.options import Format
from seqkit_cli.reports.report import EvaluateOptions, Predictions, PredictOptions, Report, score_lines, speed

__all__ = ["SCORES", "Evaluating", "PlainPredictions", "PlainScores", "Streaming"]


class Evaluating(Protocol):
    """A model that can be scored."""

    def evaluate(self, split: Any, /) -> Scores:
        """Score a split."""


class Streaming(Protocol):
    """A model that makes predictions for texts."""

    def stream(self, texts: Iterable[str], /) -> Iterable[Result]:
        """Return a result for each text, in order."""


class PlainModel(Evaluating, Streaming, Protocol):
    """What the plain report asks of a model."""


@dataclass(frozen=True)
class PlainScores:
    """Scores, printed one a line."""

    scores: Scores

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print title, scores and speed."""
        scores = self.scores.scores
        width = max(map(len, scores), default=0)
        print(title, score_lines(spec, scores, width), speed(spec, self.scores), sep="\n")


@dataclass(frozen=True)
class PlainPredictions:
    """Results, printed one a line, each as a JSON object."""

    results: Iterable[Result]

    def print(self, output: Format) -> None:
        """Print each result as JSON, as ``--json`` does."""
        for result in self.results:
            print(json.dumps(result.to_dict(), ensure_ascii=False))


def _evaluate(model: PlainModel, split: Any, options: EvaluateOptions) -> PlainScores:
    return PlainScores(model.evaluate(split))


def _predict(model: PlainModel, texts: Iterator[str], output: Format, options: PredictOptions) -> Predictions:
    return PlainPredictions(model.stream(texts))


SCORES: Report[PlainModel, Any] = Report(models="other models", evaluate=_evaluate, predict=_predict)
