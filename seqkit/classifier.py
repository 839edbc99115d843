"""Classifier: the class a person imports to train, use and keep a classifier of texts."""

import json
import os
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqkit.batches.labelled_examples import LabelledExamples, LabelProbabilities
from seqkit.config.classification import ClassificationConfig
from seqkit.config.task_tables import CLASSIFIERS
from seqkit.data.labelled_rows import checked_texts, labelled_rows, texts_of
from seqkit.errors import ConfigError, CorpusError, SeqkitWarning
from seqkit.estimator import Conclusion, Estimator, random_numbers, text_chunks, warn_of_unknown
from seqkit.language_model import LanguageModel
from seqkit.metrics.calibration import (
    cross_fitted_temperatures,
    expected_calibration_error,
    fitted_temperature,
    reliability,
)
from seqkit.models.text_encoders import PretrainedEncoder
from seqkit.runs.figures import reliability_diagram
from seqkit.tasks import TASKS
from seqkit.tasks.classification import ClassificationTask
from seqkit.text.words import WordTokenizer
from seqkit.training.device import Device, Engine, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from seqkit.training.events import Event
from seqkit.training.memory import release_freed_memory

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["ClassifiedText", "Classifier"]

DEV_SHARE = 0.1
FOLDS = 5  # of dev, so that no example's confidence is judged at a temperature that it has helped to fit

Texts = Iterable[str]
Labels = Iterable[Any]


@dataclass(frozen=True)
class ClassifiedText:
    """What a classifier says of a text.

    Attributes:
        text: the text as it was given.
        label: the most probable label; a list of labels where a text may have several; None where it abstains.
        confidence: how probable that answer is; of several labels, the least sure choice for or against one.
        probabilities: for each label how probable it is.
        empty: whether the text holds no word; the probabilities are then how frequent each label is in training.
        spread: for each label the standard deviation of its probability over Monte Carlo samples, where asked for.
        intervals: for each label the bounds between which 95 % of these samples lie.
        attention: each token with the share of attention it got, where the model pools by attention.
    """

    text: str
    label: Any
    confidence: float
    probabilities: dict[Any, float]
    empty: bool = False
    spread: dict[Any, float] | None = None
    intervals: dict[Any, tuple[float, float]] | None = None
    attention: list[tuple[str, float]] | None = None


class Classifier(Estimator):
    """A classifier of texts: sentiment, intent, topic, or any other labels.

    The constructor only stores its settings, as scikit-learn's estimators do; ``clone``, ``cross_val_score``,
    ``GridSearchCV`` and ``Pipeline`` take it. Labels are strings, whole numbers or truth values, and come back as they
    were given. Where the labels of texts are lists, a text may have several labels or none.

    Args:
        task: ``classifier``; or ``sentiment``, which differs in its name alone.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``ClassificationConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: on a setting that does not exist or cannot be used.

    >>> texts = ["what a fine film", "a dull film", "fine acting", "dull and slow"] * 3
    >>> classifier = Classifier(epochs=20).fit(texts, ["good", "bad", "good", "bad"] * 3)
    >>> classifier.predict(["a fine day"]).tolist(), classifier.classes_.tolist()
    (['good'], ['bad', 'good'])
    """

    tasks = CLASSIFIERS
    noun = "a classifier"
    fitted: ClassificationTask | None
    config: ClassificationConfig
    _estimator_type = "classifier"

    def __init__(
        self, task: str = "classifier", *, device: Device = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        super().__init__(task, {"task": task, "device": device, "precision": precision}, {}, settings)

    def fit(
        self,
        texts: "Texts | Dataset | Mapping[str, Any]",
        labels: Labels | None = None,
        dev: "tuple[Texts, Labels] | Dataset | Mapping[str, Any] | None" = None,
        *,
        out: str | os.PathLike[str] | None = None,
        resume: bool = False,
        about: Mapping[str, Any] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on some texts; choose the best weights, and fit the temperature of probabilities, on others.

        Args:
            texts: the texts: a list, NumPy array or pandas column of strings; or what has ``text`` and ``label``, such
                as a split of ``open_corpus``.
            labels: a label for each, or a list of labels for each; None takes those of ``texts``.
            dev: texts and labels in a pair, or what has both; None takes a tenth of the texts, of each label alike.
            out: run folder to keep the model in as training goes on; None keeps it in memory.
            resume: whether to go on with the unfinished training in ``out``.
            about: what ``run.json`` should say of the corpus.
            report: is told each event of training.
            progress: whether to draw it on stderr.

        Raises:
            CorpusError: where the data cannot be learnt from: one label only, no text, a label that is missing.
            CheckpointError: where the run folder cannot be written or resumed.
            DivergenceError: where the loss becomes NaN; the best model so far is kept in ``out``.
        """
        train = _with_words(labelled_rows(texts, labels), "train")
        if dev is None:
            train, dev_rows = _apart(train, self.training.seed)
        else:
            dev_rows = labelled_rows(*dev) if isinstance(dev, tuple) else labelled_rows(dev)
        if dev_rows["several"] is not train["several"]:
            raise CorpusError("labels are lists in one of train and dev, and single in the other")

        def prepare() -> tuple[ClassificationTask, LabelledExamples, LabelledExamples]:
            pretrained = _language_model(self.config.lm) if self.config.lm else None
            task = TASKS[self.task].fitted(self.config, train, pretrained)
            warn_of_unknown(task.unknown_labels(dev_rows), "dev")
            return task, task.prepare(train), task.prepare(dev_rows)

        return self._fit(prepare, out=out, resume=resume, about=about, report=report, progress=progress)

    def _concluded(
        self, task: ClassificationTask, dev_examples: LabelledExamples, engine: Engine, *, draw: bool
    ) -> Conclusion:
        task.temperature = 1.0
        found = predict(task, dev_examples, engine)
        logits_EK, targets_E = _choices(task, dev_examples, found)
        if len(logits_EK) < 2 * FOLDS:
            return Conclusion({}, task.calibration())
        smoothing = 1 / (1 + len(logits_EK))
        task.temperature = fitted_temperature(logits_EK, targets_E, smoothing)
        temperatures_E = cross_fitted_temperatures(logits_EK, targets_E, FOLDS, smoothing)
        confidence, right = _sure_and_right(logits_EK / temperatures_E[:, None], targets_E)
        error, before = (
            expected_calibration_error(confidence, right),
            expected_calibration_error(*_sure_and_right(logits_EK, targets_E)),
        )
        report = {
            "calibration": {
                "temperature": task.temperature,
                "expected_calibration_error": error,
                "before_temperature_scaling": before,
                "log_loss": float(nn.functional.cross_entropy(logits_EK / task.temperature, targets_E)),
            }
        }
        files: dict[str, str | bytes] = {**task.calibration()}
        if draw:
            files["reliability.png"] = reliability_diagram(reliability(confidence, right), error, before=before)
        return Conclusion(report, files)

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of the columns of ``predict_proba``."""
        labels = self._labels()
        return np.array(labels, dtype=None if len({type(label) for label in labels}) == 1 else object)

    def predict(self, texts: "Texts | Dataset | Mapping[str, Any]") -> Any:
        """The most probable label of each text: an array in the labels' own type; a list of lists where several.

        Raises:
            ConfigError: where one text is given in place of a list of them.
            CorpusError: where one is no string.
        """
        task, _ = self._ready()
        found = [each.probabilities for each in self._said(texts_of(texts))]
        if task.several:
            return [task.answer(each) for each in found]
        return self.classes_[[max(range(len(each)), key=each.__getitem__) for each in found] or slice(0)]

    def predict_proba(self, texts: "Texts | Dataset | Mapping[str, Any]") -> NDArray[np.float64]:
        """For each text (a row) the probability of each label (a column), as ``classes_`` has them."""
        found = [each.probabilities for each in self._said(texts_of(texts))]
        return np.array(found, dtype=np.float64).reshape(len(found), len(self._ready()[0].labels))

    def classify(self, texts: "Texts | Dataset | Mapping[str, Any]", **options: Any) -> list[ClassifiedText]:
        """All that the classifier has to say of each text; options as for ``stream``."""
        return list(self.stream(texts_of(texts), **options))

    def stream(
        self, texts: Texts, *, mc_samples: int = 0, min_confidence: float = 0.0, seed: int = 1
    ) -> Iterator[ClassifiedText]:
        """Classify texts one after the other, in constant memory however many there are.

        Args:
            texts: the texts.
            mc_samples: how many times each is read under dropout (Gal and Ghahramani 2016), side by side in one batch:
                the probabilities are then means over these, with a spread and an interval; 0 reads it once, without.
            min_confidence: below this confidence the label is None.
            seed: of the dropout; the caller's random numbers are left alone.

        Raises:
            ConfigError: one text in place of several, less than 0 samples, a confidence beyond 0..1.
        """
        if isinstance(texts, str):
            raise ConfigError("give a list of texts, such as [text], not one text")
        if mc_samples < 0:
            raise ConfigError(f"mc_samples must not be negative, not {mc_samples}")
        if not 0.0 <= min_confidence <= 1.0:
            raise ConfigError(f"min_confidence must be from 0 to 1, not {min_confidence}")
        self._ready()
        return self._stream(checked_texts(texts), mc_samples, min_confidence, seed)

    def _stream(self, texts: Texts, samples: int, least: float, seed: int) -> Iterator[ClassifiedText]:
        task, _ = self._ready()
        for number, chunk in enumerate(text_chunks(texts)):
            said = self._said(chunk, samples, seed + number)
            if number:  # or what is kept would grow with the most that any chunk has needed
                release_freed_memory()
            for text, each in zip(chunk, said, strict=True):
                yield _classified(task, text, each, least)

    def evaluate(self, texts: "Texts | Dataset | Mapping[str, Any]", labels: Labels | None = None) -> Evaluation:
        """Score texts whose labels are known.

        Args:
            texts: as for ``fit``.
            labels: as for ``fit``.

        Returns:
            Scores: accuracy, macro-F1, log loss, of two labels the area under the ROC curve, and the expected
            calibration error.
        """
        return self.score_examples(texts, labels)[1]

    def score_examples(
        self, texts: "Texts | Dataset | Mapping[str, Any]", labels: Labels | None = None
    ) -> tuple[LabelledExamples, Evaluation]:
        """The same as ``evaluate``, with the prepared examples beside the result, to look at errors in."""
        task, engine = self._ready()
        rows = _as_known(task, labelled_rows(texts, labels))
        warn_of_unknown(task.unknown_labels(rows), "this corpus")
        examples = task.prepare(rows)
        found = evaluate(task, examples, engine)
        found.scores["expected_calibration_error"] = expected_calibration_error(
            *self.confidence_of(examples, found.predictions)
        )
        return examples, found

    def confidence_of(
        self, examples: LabelledExamples, predictions: Sequence[LabelProbabilities]
    ) -> tuple[list[float], list[bool]]:
        """How sure the model was of each of its choices, and whether it was right."""
        task, _ = self._ready()
        assert examples.gold is not None
        chances = [each.probabilities for each in predictions]
        if task.several:
            places = range(len(task.labels))
            right = [place in gold for gold in examples.gold for place in places]
            each_chance = [chance for each in chances for chance in each]
            sure = [max(chance, 1 - chance) for chance in each_chance]
            return sure, [(chance > 0.5) is yes for chance, yes in zip(each_chance, right, strict=True)]
        said = [max(range(len(each)), key=each.__getitem__) for each in chances]
        return [max(each) for each in chances], [k in gold for k, gold in zip(said, examples.gold, strict=True)]

    def score(self, texts: "Texts | Dataset | Mapping[str, Any]", labels: Labels | None = None) -> float:
        """The accuracy on texts whose labels are known, as scikit-learn's classifiers have it."""
        return self.evaluate(texts, labels).scores["accuracy"]

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], **where: Any) -> Self:
        return cls(run["task"], **where, **run["settings"])

    def _said(self, texts: Sequence[str], samples: int = 0, seed: int = 1) -> list[LabelProbabilities]:
        task, engine = self._ready()
        if not texts:
            return []
        if not samples:
            return predict(task, task.prepare({"text": texts}), engine)
        with random_numbers(seed):
            sampling = task.with_dropout(samples)
            return predict(sampling, sampling.prepare({"text": texts}), engine)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator; it is imported already when it asks."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True, multi_output=False),
            transformer_tags=None,
            classifier_tags=ClassifierTags(multi_label=True),
            regressor_tags=None,
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )


def _classified(task: ClassificationTask, text: str, said: LabelProbabilities, least: float) -> ClassifiedText:
    chances = said.probabilities
    confidence = min(max(p, 1 - p) for p in chances) if task.several else max(chances)
    return ClassifiedText(
        text=text,
        label=None if confidence < least else task.answer(chances),
        confidence=confidence,
        probabilities=dict(zip(task.labels, chances, strict=True)),
        empty=said.empty,
        spread=None if said.spread is None else dict(zip(task.labels, said.spread, strict=True)),
        intervals=None if said.intervals is None else dict(zip(task.labels, said.intervals, strict=True)),
        attention=None if said.attention is None else list(zip(task.pieces(text), said.attention, strict=True)),
    )


def _with_words(rows: dict[str, Any], where: str) -> dict[str, Any]:
    """The rows whose texts hold a word; of others there is nothing to learn."""
    tokenizer = WordTokenizer()
    # Python takes a few characters for white space that are words to the tokenizer: it has the say.
    kept = [number for number, text in enumerate(rows["text"]) if text.strip() or tokenizer.tokenize(text)]
    if len(kept) == len(rows["text"]):
        return rows
    if not kept:
        raise CorpusError(f"no text of the {where} split holds a word")
    without = len(rows["text"]) - len(kept)
    message = f"{without} {'text' if without == 1 else 'texts'} of the {where} split hold no word and are left out"
    warnings.warn(message, SeqkitWarning, stacklevel=3)
    return _chosen(rows, kept)


def _apart(rows: dict[str, Any], seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows to learn from, and rows to choose by: a tenth of those of each label; all of few texts."""
    generator = random.Random(seed)
    of_label: dict[str, list[int]] = {}
    for number, labels in enumerate(rows["label"]):
        of_label.setdefault(json.dumps(labels), []).append(number)
    dev: list[int] = []
    for numbers in of_label.values():
        dev += generator.sample(numbers, round(DEV_SHARE * len(numbers)))
    if not dev:
        return rows, rows
    return _chosen(rows, sorted(set(range(len(rows["text"]))) - set(dev))), _chosen(rows, sorted(dev))


def _chosen(rows: dict[str, Any], numbers: Sequence[int]) -> dict[str, Any]:
    columns = {name: [rows[name][number] for number in numbers] for name in ("text", "label")}
    return {**columns, "several": rows["several"]}


def _choices(
    task: ClassificationTask, examples: LabelledExamples, found: Sequence[LabelProbabilities]
) -> tuple[Tensor, Tensor]:
    """Scores and right answers of all choices: between labels, or for and against each where there may be several.

    Texts without a word, and those whose label the model does not know, are left out.
    """
    assert examples.gold is not None
    known = [
        (each.logits, gold)
        for each, gold in zip(found, examples.gold, strict=True)
        if not each.empty and all(place < len(task.labels) for place in gold)
    ]
    logits_EK = torch.tensor([logits for logits, _ in known], dtype=torch.float64).view(len(known), len(task.labels))
    if not task.several:
        return logits_EK, torch.tensor([gold[0] for _, gold in known], dtype=torch.int64)
    right_EK = torch.tensor([[place in gold for place in range(len(task.labels))] for _, gold in known])
    scores_E = logits_EK.flatten()
    return torch.stack([torch.zeros_like(scores_E), scores_E], dim=1), right_EK.flatten().long()


def _sure_and_right(logits_EK: Tensor, targets_E: Tensor) -> tuple[list[float], list[bool]]:
    sure_E, said_E = logits_EK.softmax(1).max(1)
    return sure_E.tolist(), (said_E == targets_E).tolist()


def _as_known(task: ClassificationTask, rows: dict[str, Any]) -> dict[str, Any]:
    """The rows with labels as the model has them.

    Files hold numbers and truth values as strings; and one label each is a list of one to a model that has lists.

    Raises:
        CorpusError: where labels are lists and the model knows single ones.
    """
    if rows["several"] and not task.several:
        raise CorpusError("the texts have lists of labels, but the model was trained on one label each")
    own = {str(label): label for label in task.labels}
    answers = [[label if label in task.labels else own.get(label, label) for label in each] for each in rows["label"]]
    return {**rows, "label": answers, "several": task.several}


def _language_model(path: str) -> PretrainedEncoder:
    """The language model of a run folder, as a classifier begins with it.

    Raises:
        ConfigError: where it is one of characters.
    """
    task = LanguageModel.load(path, device="cpu").fitted
    assert task is not None
    if task.config.unit == "char":
        raise ConfigError(f"a classifier begins as a model of words or byte pairs; {path} is one of characters")
    return PretrainedEncoder(task.config, task.tokenizer, task.networks())
