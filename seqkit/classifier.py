"""Classifier: train, use, save and load a classifier of texts."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from seqkit.batches.labelled_examples import LabelledExamples
from seqkit.config.classification import ClassificationConfig
from seqkit.data.labelled_rows import (
    Label,
    LabelledRows,
    checked_texts,
    labelled_rows,
    rows_with_words,
    split_dev,
    texts_of,
)
from seqkit.errors import ConfigError, CorpusError, setting_ref
from seqkit.estimator import Conclusion, Estimator, Prepared, random_seed, text_chunks, warn_of_unknown
from seqkit.metrics.calibration import expected_calibration_error, reliability
from seqkit.pretrained import load_pretrained_encoder
from seqkit.runs.figures import reliability_diagram
from seqkit.tasks.classification import ClassificationTask
from seqkit.tasks.classification_calibration import calibrate, confidence_and_correct
from seqkit.tasks.classification_predictors import MonteCarloLabels
from seqkit.tasks.label_prediction import LabelPrediction
from seqkit.training.device import DeviceName, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from seqkit.training.events import Event
from seqkit.training.memory import release_freed_memory

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["ClassifiedText", "Classifier"]


Texts = Iterable[str]
Labels = Iterable[Any]


@dataclass(frozen=True)
class ClassifiedText:
    """The label of a text.

    Attributes:
        text: the text.
        label: the most probable label; a list of labels if a text may have several; None if the classifier abstains.
        confidence: the probability of this label; with several labels, that of the least certain decision.
        probabilities: the probability of each label.
        empty: whether the text has no word; the probabilities are then the label frequencies of the training data.
        spread: the standard deviation of each probability over Monte Carlo samples, if requested.
        intervals: the bounds of the central 95 % of these samples, for each label.
        attention: each token with its attention weight, if the model pools by attention.
    """

    text: str
    label: Any
    confidence: float
    probabilities: dict[Any, float]
    empty: bool = False
    spread: dict[Any, float] | None = None
    intervals: dict[Any, tuple[float, float]] | None = None
    attention: list[tuple[str, float]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        found: dict[str, Any] = {
            "text": self.text,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": {str(label): chance for label, chance in self.probabilities.items()},
        }
        if self.empty:
            found["empty"] = True
        if self.spread is not None and self.intervals is not None:
            found["spread"] = {str(label): spread for label, spread in self.spread.items()}
            found["intervals"] = {str(label): list(bounds) for label, bounds in self.intervals.items()}
        if self.attention is not None:
            found["attention"] = [list(pair) for pair in self.attention]
        return found


class Classifier(Estimator[LabelledExamples, LabelPrediction, Sequence[int]]):
    """A classifier of texts: sentiment, intent, topic, or any other labels.

    The constructor only stores its settings, as scikit-learn's estimators do; ``clone``, ``cross_val_score``,
    ``GridSearchCV`` and ``Pipeline`` accept it. Labels are strings, integers or booleans, and predictions keep their
    type. If the labels are lists, a text may have several labels or none.

    Args:
        task: ``classifier``, or ``sentiment``, which differs only in name.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``ClassificationConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: if a setting does not exist, or a value cannot be used.

    >>> texts = ["what a fine film", "a dull film", "fine acting", "dull and slow"] * 3
    >>> classifier = Classifier(epochs=20).fit(texts, ["good", "bad", "good", "bad"] * 3)
    >>> classifier.predict(["a fine day"]).tolist(), classifier.classes_.tolist()
    (['good'], ['bad', 'good'])
    """

    tasks = ("sentiment", "classifier")
    noun = "a classifier"
    fitted: ClassificationTask | None
    config: ClassificationConfig
    _estimator_type = "classifier"

    def __init__(
        self, task: str = "classifier", *, device: DeviceName = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        self._configure({"task": task, "device": device, "precision": precision}, settings)

    def fit(
        self,
        texts: "Texts | Dataset | Mapping[str, Any]",
        labels: Labels | None = None,
        dev: "tuple[Texts, Labels] | Dataset | Mapping[str, Any] | None" = None,
        *,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, object] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on some texts; select the best weights and calibrate the probabilities on others.

        Args:
            texts: the texts: a list, NumPy array or pandas column of strings; or a mapping with ``text`` and ``label``,
                such as a split of ``open_corpus``.
            labels: a label, or a list of labels, for each text; None takes those of ``texts``.
            dev: a pair of texts and labels, or a mapping with both; None takes a tenth of the texts of each label.
            out: run folder in which the model is saved during training; None keeps it in memory.
            overwrite: whether a run that is in ``out`` already is replaced.
            resume: whether to continue the unfinished training in ``out``.
            about: a description of the corpus for ``run.json``.
            report: called with each event of training.
            progress: whether to draw progress on stderr.

        Raises:
            ConfigError: if the device is not available, or settings do not fit the data or each other.
            CorpusError: if the data cannot be used for training: no text, a missing label, only one label.
            CheckpointError: if the run folder cannot be written or resumed, or the language model cannot be read.
            DivergenceError: if the loss becomes NaN or infinite; the best model so far is kept in ``out``.
        """
        train = rows_with_words(labelled_rows(texts, labels), "train")
        if dev is None:
            train, dev_rows = split_dev(train, self.training.seed)
        else:
            dev_rows = labelled_rows(*dev) if isinstance(dev, tuple) else labelled_rows(dev)
        if dev_rows["multi_label"] is not train["multi_label"]:
            raise CorpusError("labels are lists in one of train and dev, and single labels in the other")

        def prepare() -> Prepared[ClassificationTask, LabelledExamples]:
            pretrained = load_pretrained_encoder(self.config.lm) if self.config.lm else None
            task, examples = ClassificationTask.from_rows(self.config, train, pretrained)
            self.config = task.config
            warn_of_unknown(task.unknown_labels(dev_rows), "dev")
            return Prepared(task, examples, task.prepare(dev_rows))

        return self._fit(
            prepare, out=out, overwrite=overwrite, resume=resume, about=about, report=report, progress=progress
        )

    def _conclude(self, dev: LabelledExamples, *, draw: bool) -> Conclusion:
        task = self._trained(self.fitted)
        task.temperature = 1.0
        calibration = calibrate(task, dev, predict(task, dev, self._device()))
        files: dict[str, str | bytes] = {**task.calibration()}
        if calibration is None:
            return Conclusion({}, files)
        if draw:
            files["reliability.png"] = reliability_diagram(
                reliability(calibration.confidence, calibration.correct), calibration.error, before=calibration.before
            )
        return Conclusion({"calibration": calibration.to_dict()}, files)

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of the columns of ``predict_proba``; AttributeError before ``fit``."""
        if self.fitted is None:
            raise AttributeError("this Classifier is not trained yet, so it has no classes_")
        labels = list(self.fitted.labels)
        return np.array(labels, dtype=None if len({type(label) for label in labels}) == 1 else object)

    def predict(self, texts: "Texts | Dataset | Mapping[str, Any]") -> Any:
        """Return the most probable label of each text: an array in the labels' own type, or a list of lists of labels.

        Raises:
            ConfigError: if ``texts`` is a single string, or the classifier is not trained yet.
            CorpusError: if a text is not a string.
        """
        task = self._trained(self.fitted)
        found = [each.probabilities for each in self._predicted(texts_of(texts))]
        if task.multi_label:
            return [task.answer(each) for each in found]
        return self.classes_[[max(range(len(each)), key=each.__getitem__) for each in found] or slice(0)]

    def predict_proba(self, texts: "Texts | Dataset | Mapping[str, Any]") -> NDArray[np.float64]:
        """Return the probability of each label (column) for each text (row), (B, K); errors as for ``predict``.

        The columns are in the order of ``classes_``.
        """
        found = [each.probabilities for each in self._predicted(texts_of(texts))]
        return np.array(found, dtype=np.float64).reshape(len(found), len(self._trained(self.fitted).labels))

    def classify(
        self,
        texts: "Texts | Dataset | Mapping[str, Any]",
        *,
        mc_samples: int = 0,
        min_confidence: float = 0.0,
        seed: int = 1,
    ) -> list[ClassifiedText]:
        """Return the label, confidence and probabilities of each text; arguments and errors as for ``stream``."""
        results = self.stream(texts_of(texts), mc_samples=mc_samples, min_confidence=min_confidence, seed=seed)
        return list(results)

    def stream(
        self, texts: Texts, *, mc_samples: int = 0, min_confidence: float = 0.0, seed: int = 1
    ) -> Iterator[ClassifiedText]:
        """Classify texts one after the other, in constant memory however many there are.

        Args:
            texts: the texts.
            mc_samples: number of times each text is read under dropout, side by side in one batch (Gal and Ghahramani
                2016). The probabilities are then means, with a spread and an interval. 0 uses no dropout.
            min_confidence: the label is None if the confidence is below this value.
            seed: the seed of the dropout; the caller's random state does not change.

        Raises:
            ConfigError: if ``texts`` is a single string, ``mc_samples`` is negative, ``min_confidence`` is not in 0..1,
                or the classifier is not trained yet.
            CorpusError: if a text is not a string.
        """
        is_whole = isinstance(texts, str | Mapping) or not isinstance(texts, Iterable)
        given = texts_of(texts) if is_whole else texts  # which are otherwise read as they are iterated over
        if mc_samples < 0:
            raise ConfigError(f"{setting_ref('mc_samples')} must not be negative, not {mc_samples}")
        if not 0.0 <= min_confidence <= 1.0:
            raise ConfigError(f"{setting_ref('min_confidence')} must be from 0 to 1, not {min_confidence}")
        self._trained(self.fitted)
        return self._stream(checked_texts(given), mc_samples, min_confidence, seed)

    def _stream(self, texts: Texts, samples: int, min_confidence: float, seed: int) -> Iterator[ClassifiedText]:
        task = self._trained(self.fitted)
        for number, chunk in enumerate(text_chunks(texts)):
            predictions = self._predicted(chunk, samples, seed + number)
            if number:  # otherwise the process would keep as much memory as the largest chunk needed
                release_freed_memory()
            for text, prediction in zip(chunk, predictions, strict=True):
                yield _classified(task, text, prediction, min_confidence)

    def evaluate(
        self, texts: "Texts | Dataset | Mapping[str, Any]", labels: Labels | None = None
    ) -> Evaluation[LabelPrediction]:
        """Score texts whose labels are known.

        Args:
            texts: as for ``fit``.
            labels: as for ``fit``.

        Returns:
            The evaluation, with these scores: accuracy, macro-F1, log loss, expected calibration error and, for two
            labels, the area under the ROC curve.

        Raises:
            ConfigError: if the classifier is not trained yet.
            CorpusError: if a text or label is missing, or labels are lists although the classifier predicts one.
        """
        return self.score_examples(texts, labels)[1]

    def score_examples(
        self, texts: "Texts | Dataset | Mapping[str, Any]", labels: Labels | None = None
    ) -> tuple[LabelledExamples, Evaluation[LabelPrediction]]:
        """Return the prepared examples, for error analysis, and the result of ``evaluate``; arguments as there."""
        task = self._trained(self.fitted)
        rows = _as_known(task, labelled_rows(texts, labels))
        warn_of_unknown(task.unknown_labels(rows), "this corpus")
        examples = task.prepare(rows)
        found = evaluate(task, examples, self._device())
        found.scores["expected_calibration_error"] = expected_calibration_error(
            *confidence_and_correct(task, examples, found.predictions)
        )
        return examples, found

    def confidence_of(
        self, examples: LabelledExamples, predictions: Sequence[LabelPrediction]
    ) -> tuple[list[float], list[bool]]:
        """Return the confidence of each of the model's decisions, and whether it was correct."""
        return confidence_and_correct(self._trained(self.fitted), examples, predictions)

    def score(self, texts: "Texts | Dataset | Mapping[str, Any]", labels: Labels | None = None) -> float:
        """Return the accuracy, as scikit-learn's classifiers do; arguments and errors as for ``evaluate``."""
        return self.evaluate(texts, labels).scores["accuracy"]

    def _restored_task(self, read: Callable[[str], str]) -> ClassificationTask:
        return ClassificationTask.restored(self.config, read)

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        return cls(run["task"], device=device, precision=precision, **run["settings"])

    def _predicted(self, texts: Sequence[str], samples: int = 0, seed: int = 1) -> list[LabelPrediction]:
        task = self._trained(self.fitted)
        if not texts:
            return []
        examples = task.prepare({"text": texts})
        if not samples:
            return predict(task, examples, self._device())
        with random_seed(self._device(), seed):
            return predict(MonteCarloLabels(task, samples), examples, self._device())

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's estimator tags; scikit-learn itself calls this, so it is installed."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True, multi_output=False),
            transformer_tags=None,
            classifier_tags=ClassifierTags(multi_label=True),
            regressor_tags=None,
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )


def _classified(
    task: ClassificationTask, text: str, prediction: LabelPrediction, min_confidence: float
) -> ClassifiedText:
    chances, spread, intervals = prediction.probabilities, prediction.spread, prediction.intervals
    confidence = min(max(p, 1 - p) for p in chances) if task.multi_label else max(chances)
    attention = None
    if prediction.attention is not None:
        attention = list(zip(task.pieces(text), prediction.attention, strict=True))
    return ClassifiedText(
        text=text,
        label=None if confidence < min_confidence else task.answer(chances),
        confidence=confidence,
        probabilities=dict(zip(task.labels, chances, strict=True)),
        empty=prediction.empty,
        spread=None if spread is None else dict(zip(task.labels, spread, strict=True)),
        intervals=None if intervals is None else dict(zip(task.labels, intervals, strict=True)),
        attention=attention,
    )


def _as_known(task: ClassificationTask, rows: LabelledRows) -> LabelledRows:
    """Return the rows with labels in the type of the model's labels; files contain numbers and booleans as strings.

    Raises:
        CorpusError: if labels are lists, but the model was trained on single labels.
    """
    if rows["multi_label"] and not task.multi_label:
        raise CorpusError("the texts have lists of labels, but the model was trained on one label each")
    own = {str(label): label for label in task.labels}

    def as_known(label: Label) -> Label:
        return own.get(label, label) if isinstance(label, str) and label not in task.labels else label

    answers = [list(map(as_known, each)) for each in rows["label"]]
    return {**rows, "label": answers, "multi_label": task.multi_label}
