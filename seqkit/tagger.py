"""Tagger: train, use, save and load a tagger."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, repeat
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple, Self, Union

import numpy as np
from numpy.typing import NDArray

from seqkit.config.tagging import TaggingConfig
from seqkit.data.annotated_rows import gold_rows
from seqkit.data.tagged_rows import texts_or_words
from seqkit.errors import ConfigError, CorpusError, setting_ref
from seqkit.estimator import Estimator, Prepared, random_seed, text_chunks, warn_of_unknown
from seqkit.pretrained import load_contextual_states
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging import PartOfSpeechTask, TaggedExamples, TaggingTask
from seqkit.tasks.tagging_predictors import ConfidentTags, LabelMarginals, MonteCarloTags
from seqkit.text.joined_words import warn_of_other_words
from seqkit.training.device import DeviceName, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from seqkit.training.events import Event
from seqkit.training.memory import release_freed_memory

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

__all__ = ["Entity", "TaggedText", "TaggedToken", "Tagger"]

Text = str | Sequence[str]
Rows = Union["Dataset", "IterableDataset", Mapping[str, Any], Sequence[Mapping[str, Any]]]  # or a data frame
Texts = Iterable[Text] | Rows


@dataclass(frozen=True)
class Entity:
    """A labelled span of a text: exactly ``text[start:end]``, in code points.

    Attributes:
        start: start of the span.
        end: end of the span, exclusive.
        text: the text of the span.
        label: the type of the entity.
        confidence: the model's probability that exactly this span is an entity of this type. It is exact for a CRF in
            IOBES or BILOU, whose tags mark both borders. In the other schemes it is the probability of the span's tags,
            whatever follows them; for a softmax head it is the product of their probabilities. None if not requested.
            With Monte Carlo samples it is their mean.
        spread: the standard deviation of the confidence over the Monte Carlo samples; None without samples.
        interval: the bounds of the central 95 % of the samples; None without samples.
    """

    start: int
    end: int
    text: str
    label: str
    confidence: float | None
    spread: float | None = None
    interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        found = {"start": self.start, "end": self.end, "text": self.text, "label": self.label}
        return {**found, **_certainty_dict(self.confidence, self.spread, self.interval)}


class TaggedToken(NamedTuple):
    """A word of a text with its position and tag; for plain tags, also with the probability of the tag.

    ``spread`` and ``interval`` are defined as for an ``Entity``.
    """

    start: int
    end: int
    text: str
    tag: str
    confidence: float | None
    spread: float | None = None
    interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        found = {"start": self.start, "end": self.end, "text": self.text, "tag": self.tag}
        return {**found, **_certainty_dict(self.confidence, self.spread, self.interval)}


@dataclass(frozen=True)
class TaggedText:
    """The tags of a text.

    Attributes:
        text: the text; words that were passed as a list are joined with spaces.
        entities: the predicted entities, in order; empty for plain tags.
        words: the words of the text.
        starts: the start of each word, in code points.
        tags: the tag of each word, in the scheme of the model.
        confidence: the probability of each plain tag; empty if tags have a scheme, or if not requested.
        spread, intervals: the spread and interval of each ``confidence``; empty without Monte Carlo samples.
        plain: whether tags are plain and mark no entities.
    """

    text: str
    entities: list[Entity]
    words: Sequence[str]
    starts: list[int]
    tags: list[str]
    confidence: list[float]
    spread: list[float] = field(default_factory=list)
    intervals: list[tuple[float, float]] = field(default_factory=list)
    plain: bool = False

    @cached_property
    def tokens(self) -> list[TaggedToken]:
        """The words with their positions and tags."""
        certainty = _certainty(self.confidence, self.spread, self.intervals)
        return [
            TaggedToken(start, start + len(word), word, tag, *known)
            for word, start, tag, known in zip(self.words, self.starts, self.tags, certainty, strict=False)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains: the text with its entities or, for plain tags, its tokens."""
        if self.plain:
            return {"text": self.text, "tokens": [token.to_dict() for token in self.tokens]}
        return {"text": self.text, "entities": [entity.to_dict() for entity in self.entities]}


class Tagger(Estimator[TaggedExamples, TagPrediction, Sequence[int]]):
    """A tagger: named entities, other spans, or plain tags such as parts of speech.

    The constructor only stores its settings, as scikit-learn's estimators do.

    Args:
        task: ``ner`` for spans, ``pos`` for plain tags.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``TaggingConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: if a setting does not exist, or a value cannot be used.

    >>> tagger = Tagger(epochs=40, learning_rate=0.01, batch_tokens=8, warmup=0.0, input_dropout=0.1)
    >>> sentences = [["Ada", "met", "Bo"], ["rain", "fell"], ["Bo", "ran"], ["they", "met", "Ada"]] * 2
    >>> tags = [["B-PER", "O", "B-PER"], ["O", "O"], ["B-PER", "O"], ["O", "O", "B-PER"]] * 2
    >>> tagger = tagger.fit({"tokens": sentences, "tags": tags}, dev={"tokens": sentences, "tags": tags})
    >>> [(entity.text, entity.label) for entity in tagger.predict(["Ada ran"])[0].entities]
    [('Ada', 'PER')]
    """

    tasks = ("ner", "pos")
    noun = "a tagger"
    fitted: TaggingTask | None
    config: TaggingConfig

    def __init__(
        self, task: str = "ner", *, device: DeviceName = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        self._configure({"task": task, "device": device, "precision": precision}, settings)

    @property
    def _task_type(self) -> type[TaggingTask]:
        return PartOfSpeechTask if self.task == "pos" else TaggingTask

    def fit(
        self,
        train: Rows,
        dev: Rows,
        *,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, object] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one split and select the best weights on another.

        Args:
            train: a split of ``open_corpus``, or any dataset (streamed ones too), data frame, mapping or list of
                dictionaries with ``tokens`` and ``tags``, a list for each sentence; or with ``text`` and ``spans``,
                character spans such as ``{"start": 0, "end": 3, "label": "PER"}``. Columns may also have the names that
                ``open_corpus`` knows, such as ``words`` and ``ner_tags``.
            dev: likewise.
            out: run folder in which the model is saved during training; None keeps it in memory.
            overwrite: whether a run that is in ``out`` already is replaced.
            resume: whether to continue the unfinished training in ``out``.
            about: a description of the corpus for ``run.json``.
            report: called with each event of training.
            progress: whether to draw progress on stderr.

        Raises:
            ConfigError: if the device is not available, or a setting does not fit the data.
            CorpusError: if the data cannot be used for training.
            CheckpointError: if the run folder cannot be written or resumed, or the language model cannot be read.
            DivergenceError: if the loss becomes NaN or infinite; the best model so far is kept in ``out``.
        """
        train_rows, dev_rows = gold_rows(train), gold_rows(dev)
        for name, rows in (("train", train_rows), ("dev", dev_rows)):
            if not (rows["text"] if "spans" in rows else rows["tokens"]):
                raise CorpusError(f"the {name} split has no sentence")

        def prepare() -> Prepared[TaggingTask, TaggedExamples]:
            device = self._device().torch_device
            contextual = load_contextual_states(self.config.lm).to(device) if self.config.lm else None
            task, examples = self._task_type.from_rows(self.config, train_rows, contextual)
            self.config = task.config
            if "tokens" in train_rows:
                warn_of_other_words(train_rows["tokens"], task.tokenizer)
            dev_examples = task.prepare(dev_rows, task.corpus_scheme, split="dev")
            warn_of_unknown(task.unknown_labels(dev_examples), "dev")
            return Prepared(task, examples, dev_examples)

        return self._fit(
            prepare, out=out, overwrite=overwrite, resume=resume, about=about, report=report, progress=progress
        )

    def evaluate(self, rows: Rows, *, confidence: bool = False) -> Evaluation[TagPrediction]:
        """Score sentences whose tags are known.

        Args:
            rows: ``tokens`` and ``tags``, or ``text`` and ``spans``, as for ``fit``.
            confidence: whether to compute the probabilities of predictions.

        Raises:
            ConfigError: if the tagger is not trained yet.
            CorpusError: if a sentence is empty or does not have one tag per token, or its tags are illegal.
        """
        return self.score_examples(rows, confidence=confidence)[1]

    def score_examples(
        self, rows: Rows, *, confidence: bool = False
    ) -> tuple[TaggedExamples, Evaluation[TagPrediction]]:
        """Return the prepared examples, for error analysis, and the result of ``evaluate``; arguments as there."""
        task = self._trained(self.fitted)
        examples = task.prepare(gold_rows(rows))
        warn_of_unknown(task.unknown_labels(examples), "this corpus")
        predictor = ConfidentTags(task) if confidence else task
        return examples, evaluate(task, examples, self._device(), predictor=predictor)

    @property
    def classes_(self) -> list[str]:
        """The labels of tokens, in the order of the columns of ``predict_proba``; AttributeError before ``fit``."""
        if self.fitted is None:
            raise AttributeError("this Tagger is not trained yet, so it has no classes_")
        return list(self.fitted.labels)

    def predict(self, texts: Texts, *, confidence: bool = True, mc_samples: int = 0, seed: int = 1) -> list[TaggedText]:
        """Tag texts, raw or split into words; return one result for each, in order.

        Args:
            texts: the texts: strings, or lists of words; or what ``fit`` takes, with tokens or else ``text``.
            confidence: whether to compute probabilities; prediction is a little faster without.
            mc_samples: number of times each text is read under dropout, side by side in one batch (Gal and Ghahramani
                2016). The confidence is then a mean, with a spread and an interval. The entities are still those that
                the model predicts without dropout. 0 uses no dropout.
            seed: the seed of the dropout; the caller's random state does not change.

        Raises:
            ConfigError: if ``texts`` is a single string, ``mc_samples`` is negative, or the tagger is not trained yet.
            CorpusError: if a text is neither a string nor a list of words; with its number.
        """
        return list(self.stream(texts, confidence=confidence, mc_samples=mc_samples, seed=seed))

    def predict_proba(self, texts: Texts) -> list[NDArray[np.float32]]:
        """Return, for each text, the probability of each label (column) at each word (row).

        With a CRF these are marginal probabilities, over all label sequences. Long texts are read in the same windows
        as in ``predict``.

        Args:
            texts: as for ``predict``.

        Returns:
            An array (T, K) for each text; its K columns are in the order of ``classes_``.

        Raises:
            ConfigError: if ``texts`` is a single string, or the tagger is not trained yet.
            CorpusError: if a text is neither a string nor a list of words; with its number.
        """
        given = texts_or_words(texts)
        task = self._trained(self.fitted)
        words = [
            [token.text for token in task.tokenizer.tokenize(text)] if isinstance(text, str) else text for text in given
        ]
        found = predict(LabelMarginals(task), task.prepare({"tokens": words}), self._device())
        return [each.probabilities_TK for each in found]

    def stream(
        self, texts: Texts, *, confidence: bool = True, mc_samples: int = 0, seed: int = 1
    ) -> Iterator[TaggedText]:
        """Tag texts one after the other, in constant memory however many there are.

        The texts are read in chunks of limited size. Arguments and errors are those of ``predict``.
        """
        given = texts_or_words(texts)
        if mc_samples < 0:
            raise ConfigError(f"{setting_ref('mc_samples')} must not be negative, not {mc_samples}")
        return self._stream(given, confidence, mc_samples, seed)

    def _stream(self, texts: Texts, confidence: bool, samples: int, seed: int) -> Iterator[TaggedText]:
        task = self._trained(self.fitted)
        for number, chunk in enumerate(text_chunks(texts)):
            release = number > 0
            if samples:
                with random_seed(self._device(), seed + number):
                    tagged = self._tag(chunk, MonteCarloTags(task, samples), release)
            else:
                tagged = self._tag(chunk, ConfidentTags(task) if confidence else task, release)
            yield from tagged

    def _restored_task(self, read: Callable[[str], str]) -> TaggingTask:
        return self._task_type.restored(self.config, read)

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        return cls(run["task"], device=device, precision=precision, **run["settings"])

    def _tag(
        self, texts: Sequence[Text], predictor: TaggingTask | ConfidentTags, release: bool
    ) -> Iterator[TaggedText]:
        task = self._trained(self.fitted)
        split = iter(task.tokenizer.tokenize_batch([text for text in texts if isinstance(text, str)]))
        words: list[Sequence[str]] = []
        starts: list[list[int]] = []
        for text in texts:
            if isinstance(text, str):
                tokens = next(split)
                words.append([token.text for token in tokens])
                starts.append([token.start for token in tokens])
            else:  # the positions of given words are those in the text that joins them with spaces
                words.append(text)
                starts.append(list(map(add, accumulate(map(len, text), initial=0), range(len(text)))))
        found = predict(predictor, task.prepare({"tokens": words}), self._device())
        if release:  # otherwise the process would keep as much memory as the largest chunk needed
            release_freed_memory()
        plain = task.scheme is None
        return (
            _tagged(str(text) if isinstance(text, str) else " ".join(text), own, offsets, prediction, plain=plain)
            for text, own, offsets, prediction in zip(texts, words, starts, found, strict=True)
        )


def _certainty(
    confidence: Sequence[float], spread: Sequence[float], intervals: Sequence[tuple[float, float]]
) -> Iterator[tuple[float | None, float | None, tuple[float, float] | None]]:
    """Return the confidence, spread and interval of each prediction; None for what was not requested."""
    return zip(confidence or repeat(None), spread or repeat(None), intervals or repeat(None), strict=False)


def _certainty_dict(
    confidence: float | None, spread: float | None, interval: tuple[float, float] | None
) -> dict[str, Any]:
    """Return the entries of JSON output: spread and interval only if there were Monte Carlo samples."""
    found: dict[str, Any] = {"confidence": confidence}
    if spread is not None:
        found["spread"] = spread
    if interval is not None:
        found["interval"] = list(interval)
    return found


def _tagged(
    text: str, words: Sequence[str], starts: list[int], prediction: TagPrediction, *, plain: bool
) -> TaggedText:
    certainty = (prediction.confidence, prediction.spread, prediction.intervals)
    if plain:
        return TaggedText(text, [], words, starts, prediction.tags, *certainty, plain=True)
    entities = []
    for span, known in zip(prediction.spans, _certainty(*certainty), strict=False):
        start, last = starts[span.start], span.end - 1
        end = starts[last] + len(words[last])
        entities.append(Entity(start, end, text[start:end], span.label, *known))
    return TaggedText(text, entities, words, starts, prediction.tags, [])
