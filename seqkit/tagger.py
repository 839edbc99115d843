"""Tagger: the class a person imports to train, use and keep a tagger."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, islice, repeat
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqkit.config.tagging import TaggingConfig
from seqkit.data.tagged_rows import rows_of
from seqkit.errors import ConfigError, CorpusError
from seqkit.estimator import Estimator, random_numbers, text_chunks, warn_of_unknown
from seqkit.language_model import LanguageModel
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.tasks import TASKS
from seqkit.tasks.tagging import TaggedExamples, TaggingTask, TagPrediction
from seqkit.tasks.tagging_windows import cut_windows, merge_predictions
from seqkit.text.tagging_schemes import Scheme, detect_scheme
from seqkit.training.device import Device, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from seqkit.training.events import Event
from seqkit.training.memory import release_freed_memory

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Entity", "TaggedText", "TaggedToken", "Tagger"]


@dataclass(frozen=True)
class Entity:
    """A span of a text: ``text[start:end]`` is exactly it, counted in code points.

    Attributes:
        start: where it begins.
        end: where it ends, exclusive.
        text: the span itself.
        label: its type.
        confidence: the model's probability that just this span is an entity of this type. It is exact for a CRF in
            IOBES or BILOU, whose tags mark both borders; in the other schemes it is that of the span's tags, whatever
            follows them, and for a softmax head the product of theirs. None where it was not asked for.
        spread: the standard deviation of the confidence over Monte Carlo samples, of which it then is the mean.
        interval: the bounds between which 95 % of these samples lie.
    """

    start: int
    end: int
    text: str
    label: str
    confidence: float | None
    spread: float | None = None
    interval: tuple[float, float] | None = None


class TaggedToken(NamedTuple):
    """A word of a text with its tag, where it stands, and, where tags are plain, how probable the tag is.

    ``spread`` and ``interval`` are those of an ``Entity``.
    """

    start: int
    end: int
    text: str
    tag: str
    confidence: float | None
    spread: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class TaggedText:
    """What a tagger says of a text.

    Attributes:
        text: the text as it was given.
        entities: what was found, in order; empty for plain tags.
        words: the words of the text.
        starts: where each begins.
        tags: their tags, in the scheme of the model.
        confidence: where tags are plain, how probable each is; else empty.
        spread, intervals: likewise, where Monte Carlo samples were asked for.
    """

    text: str
    entities: list[Entity]
    words: Sequence[str]
    starts: list[int]
    tags: list[str]
    confidence: list[float]
    spread: list[float] = field(default_factory=list)
    intervals: list[tuple[float, float]] = field(default_factory=list)

    @cached_property
    def tokens(self) -> list[TaggedToken]:
        """Words, places and tags together."""
        sure = _certainty(self.confidence, self.spread, self.intervals)
        return [
            TaggedToken(start, start + len(word), word, tag, *known)
            for word, start, tag, known in zip(self.words, self.starts, self.tags, sure, strict=False)
        ]


class Tagger(Estimator):
    """A tagger: named entities, other spans, or plain tags such as parts of speech.

    The constructor only stores its settings, as scikit-learn's estimators do.

    Args:
        task: ``ner`` for spans, ``pos`` for plain tags.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``TaggingConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: on a setting that does not exist or cannot be used.

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
        self, task: str = "ner", *, device: Device = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        super().__init__(task, {"task": task, "device": device, "precision": precision}, {}, settings)

    def fit(
        self,
        train: "Dataset | Mapping[str, Any]",
        dev: "Dataset | Mapping[str, Any]",
        *,
        out: str | os.PathLike[str] | None = None,
        resume: bool = False,
        about: Mapping[str, Any] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one split and choose the best weights on another.

        Args:
            train: ``tokens`` and ``tags``, a list a sentence: a split of ``open_corpus``, or a mapping.
            dev: the same.
            out: run folder to keep the model in as training goes on; None keeps it in memory.
            resume: whether to go on with the unfinished training in ``out``.
            about: what ``run.json`` should say of the corpus.
            report: is told each event of training.
            progress: whether to draw it on stderr.

        Raises:
            CorpusError: where the data cannot be learnt from.
            CheckpointError: where the run folder cannot be written or resumed.
            DivergenceError: where the loss becomes NaN; the best model so far is kept in ``out``.
        """
        train_rows, dev_rows = rows_of(train), rows_of(dev)
        for name, rows in (("train", train_rows), ("dev", dev_rows)):
            if not rows["tokens"]:
                raise CorpusError(f"the {name} split holds no sentence")

        def prepare() -> tuple[TaggingTask, TaggedExamples, TaggedExamples]:
            contextual = _language_model(self.config.lm) if self.config.lm else None
            task = TASKS[self.task].fitted(self.config, train_rows, contextual)
            # Dev is read in the scheme of train: a slip in it must not pass for another scheme.
            scheme = task.config.corpus_scheme or detect_scheme(train_rows["tags"])
            examples, dev_examples = task.prepare(train_rows, scheme), task.prepare(dev_rows, scheme)
            warn_of_unknown(task.unknown_labels(dev_examples), "dev")
            return task, examples, dev_examples

        return self._fit(prepare, out=out, resume=resume, about=about, report=report, progress=progress)

    def evaluate(self, rows: "Dataset | Mapping[str, Any]", *, confidence: bool = False) -> Evaluation:
        """Score sentences whose tags are known.

        Args:
            rows: ``tokens`` and ``tags``, as for ``fit``.
            confidence: whether the predictions carry probabilities.
        """
        return self.score_examples(rows, confidence=confidence)[1]

    def score_examples(
        self, rows: "Dataset | Mapping[str, Any]", *, confidence: bool = False
    ) -> tuple[TaggedExamples, Evaluation]:
        """The same as ``evaluate``, with the prepared examples beside the result, to look at errors in."""
        task, engine = self._ready()
        examples = task.prepare(rows_of(rows))
        warn_of_unknown(task.unknown_labels(examples), "this corpus")
        return examples, evaluate(task, examples, engine, confidence=confidence)

    @property
    def classes_(self) -> list[str]:
        """The labels that the model chooses from for each token, in the order of the columns of ``predict_proba``."""
        return self._labels()

    def predict(
        self, texts: Iterable[str | Sequence[str]], *, confidence: bool = True, mc_samples: int = 0, seed: int = 1
    ) -> list[TaggedText]:
        """Tag texts, raw or cut into words already; one result each, in their order.

        Args:
            texts: the texts.
            confidence: whether to say how sure the model is; without, it is a little faster.
            mc_samples: how many times each text is read under dropout, side by side in one batch, to tell how much
                the confidence can be trusted (Gal and Ghahramani 2016): it is then a mean, with a spread and an
                interval. What is found stays what the model without dropout finds.
            seed: of the dropout; the caller's random numbers are left alone.

        Raises:
            ConfigError: where one text is given in place of a list of them, or fewer than 0 samples.
        """
        return list(self.stream(texts, confidence=confidence, mc_samples=mc_samples, seed=seed))

    def predict_proba(self, texts: Iterable[str | Sequence[str]]) -> list[NDArray[np.float32]]:
        """For each text the probability of each label (a column, as in ``classes_``) at each word (a row).

        Of a CRF these are marginals: all label sequences are weighed. Texts are read whole, however long.
        """
        if isinstance(texts, str):
            raise ConfigError("give a list of texts, such as [text], not one text")
        task, engine = self._ready()
        words = [
            [token.text for token in task.tokenizer.tokenize(text)] if isinstance(text, str) else text for text in texts
        ]
        told = task.telling_probabilities()
        rows = {"tokens": [each for each in words if each]}
        found = iter(predict(told, told.prepare(rows), engine) if rows["tokens"] else [])
        nothing = np.zeros((0, len(task.labels)), dtype=np.float32)
        return [next(found) if each else nothing for each in words]

    def stream(
        self, texts: Iterable[str | Sequence[str]], *, confidence: bool = True, mc_samples: int = 0, seed: int = 1
    ) -> Iterator[TaggedText]:
        """Tag texts one after the other, in constant memory however many there are; arguments as for ``predict``.

        They are read in chunks of limited size.
        """
        if isinstance(texts, str):
            raise ConfigError("give a list of texts, such as [text], not one text")
        if mc_samples < 0:
            raise ConfigError(f"mc_samples must not be negative, not {mc_samples}")
        return self._stream(texts, confidence or mc_samples > 0, mc_samples, seed)

    def _stream(
        self, texts: Iterable[str | Sequence[str]], confidence: bool, samples: int, seed: int
    ) -> Iterator[TaggedText]:
        for number, chunk in enumerate(text_chunks(texts)):
            if not samples:
                yield from self._tag(chunk, confidence, 0, release=number > 0)
                continue
            with random_numbers(seed + number):
                tagged = list(self._tag(chunk, confidence, samples, release=number > 0))
            yield from tagged

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], **where: Any) -> Self:
        return cls(run["task"], **where, **run["settings"])

    def _tag(
        self, texts: Sequence[str | Sequence[str]], confidence: bool, samples: int, release: bool
    ) -> Iterator[TaggedText]:
        task, engine = self._ready()
        if samples:
            task = task.with_dropout(samples)
        cut = iter(task.tokenizer.tokenize_batch([text for text in texts if isinstance(text, str)]))
        tokens = [next(cut) if isinstance(text, str) else None for text in texts]
        words = [
            text if each is None else [token.text for token in each] for text, each in zip(texts, tokens, strict=True)
        ]
        windows = list(map(cut_windows, words))
        pieces = [each[start:end] for each, places in zip(words, windows, strict=True) for start, end in places]
        read = predict(task, task.prepare({"tokens": pieces}), engine, confidence=confidence) if pieces else []
        if release:  # or what is kept would grow with the most that any chunk has needed
            release_freed_memory()
        predictions = iter(read)
        for text, each, found, places in zip(texts, words, tokens, windows, strict=True):
            said = merge_predictions(places, list(islice(predictions, len(places))), task.scheme)
            if found is None:  # words that were given stand in the text that joins them with spaces
                starts = list(map(add, accumulate(map(len, each), initial=0), range(len(each))))
                yield _tagged(" ".join(text), each, starts, said, task.scheme)
            else:
                yield _tagged(str(text), each, [token.start for token in found], said, task.scheme)


def _language_model(path: str) -> ContextualStates:
    """The language model of a run folder, as a tagger reads it."""
    task = LanguageModel.load(path, device="cpu").fitted
    assert task is not None
    contextual = ContextualStates(task.config, task.tokenizer)
    contextual.networks.load_state_dict(task.model.state_dict())
    return contextual


def _certainty(
    confidence: Sequence[float], spread: Sequence[float], intervals: Sequence[tuple[float, float]]
) -> Iterator[tuple[Any, Any, Any]]:
    """For each answer how sure the model is of it, as far as that was asked for."""
    return zip(confidence or repeat(None), spread or repeat(None), intervals or repeat(None), strict=False)


def _tagged(
    text: str, words: Sequence[str], starts: list[int], said: TagPrediction, scheme: Scheme | None
) -> TaggedText:
    entities = []
    sure = zip(
        said.confidence or repeat(None), said.spread or repeat(None), said.intervals or repeat(None), strict=False
    )
    for span, known in zip(said.spans, sure, strict=False):
        start, last = starts[span.start], span.end - 1
        end = starts[last] + len(words[last])
        entities.append(Entity(start, end, text[start:end], span.label, *known))
    plain = ([], [], []) if scheme else (said.confidence, said.spread, said.intervals)
    return TaggedText(text, entities, words, starts, said.tags, *plain)
