"""Tagger: the class a person imports to train, use and keep a tagger."""

import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate, islice, repeat
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch

from seqkit.configs import TaggingConfig, TrainConfig
from seqkit.engine import Device, Engine, Precision
from seqkit.errors import CheckpointError, ConfigError, CorpusError, SeqkitWarning
from seqkit.evaluation import Evaluation, evaluate, predict
from seqkit.memory import release_freed_memory
from seqkit.run_folder import RunFolder, last_reason
from seqkit.tagged_rows import rows_of
from seqkit.tagging_schemes import Scheme, detect_scheme
from seqkit.tasks import TASKS
from seqkit.tasks.tagging import TaggedExamples, TaggingTask, TagPrediction
from seqkit.training import Event, Outcome, Trainer, fit
from seqkit.training_run import TrainingRun, run_files, run_header
from seqkit.windows import cut_windows, merge_predictions

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Entity", "TaggedText", "TaggedToken", "Tagger", "load"]

LINES_AT_ONCE = 8192
CHARACTERS_AT_ONCE = 2**20


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
    """

    start: int
    end: int
    text: str
    label: str
    confidence: float | None


class TaggedToken(NamedTuple):
    """A word of a text with its tag, where it stands, and, where tags are plain, how probable the tag is."""

    start: int
    end: int
    text: str
    tag: str
    confidence: float | None


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
    """

    text: str
    entities: list[Entity]
    words: Sequence[str]
    starts: list[int]
    tags: list[str]
    confidence: list[float]

    @property
    def tokens(self) -> list[TaggedToken]:
        """Words, places and tags together."""
        sure = self.confidence or repeat(None)
        return [
            TaggedToken(start, start + len(word), word, tag, confidence)
            for word, start, tag, confidence in zip(self.words, self.starts, self.tags, sure, strict=False)
        ]


class Tagger:
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

    def __init__(
        self, task: str = "ner", *, device: Device = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        if task not in TASKS:
            raise ConfigError(f"no task {task!r}; choose from {', '.join(TASKS)}")
        self.task = task
        self.device: Device = device
        self.precision: Precision = precision
        self.settings = settings
        self.config, self.training = _configs(settings)
        self.fitted: TaggingTask | None = None
        self.outcome: Outcome | None = None

    @property
    def metric(self) -> str:
        """The dev score that the best weights are chosen by."""
        return TASKS[self.task].metric

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All settings by name, those left at their defaults included."""
        every = {field.name: getattr(self.config, field.name) for field in fields(TaggingConfig)}
        every |= {field.name: getattr(self.training, field.name) for field in fields(TrainConfig)}
        return {"task": self.task, "device": self.device, "precision": self.precision, **every}

    def set_params(self, **settings: Any) -> Self:
        """Change settings and forget what was fitted, as a new tagger with them would."""
        self.__init__(**{**self.get_params(), **settings})  # type: ignore[misc]
        return self

    def fit(
        self,
        train: "Dataset | Mapping[str, Any]",
        dev: "Dataset | Mapping[str, Any]",
        *,
        out: str | os.PathLike[str] | None = None,
        resume: bool = False,
        about: Mapping[str, Any] | None = None,
        report: Callable[[Event], None] | None = None,
    ) -> Self:
        """Train on one split and choose the best weights on another.

        Args:
            train: ``tokens`` and ``tags``, a list a sentence: a split of ``open_corpus``, or a mapping.
            dev: the same.
            out: run folder to keep the model in as training goes on; None keeps it in memory.
            resume: whether to go on with the unfinished training in ``out``.
            about: what ``run.json`` should say of the corpus.
            report: is told each event of training.

        Raises:
            CorpusError: where the data cannot be learnt from.
            CheckpointError: where the run folder cannot be written or resumed.
            DivergenceError: where the loss becomes NaN; the best model so far is kept in ``out``.
        """
        train_rows, dev_rows = rows_of(train), rows_of(dev)
        for name, rows in (("train", train_rows), ("dev", dev_rows)):
            if not rows["tokens"]:
                raise CorpusError(f"the {name} split holds no sentence")
        engine = Engine.open(self.device, self.precision)
        with torch.random.fork_rng():  # what is random here leaves the caller's random numbers alone
            torch.manual_seed(self.training.seed)
            task = TASKS[self.task].fitted(self.config, train_rows)
            self.config = task.config
            # Dev is read in the scheme of train: a slip in it must not pass for another scheme.
            scheme = self.config.corpus_scheme or detect_scheme(train_rows["tags"])
            examples, dev_examples = task.prepare(train_rows, scheme), task.prepare(dev_rows, scheme)
            _warn_of_unknown(task, dev_examples, "dev")
            trainer = Trainer(task, examples, self.training, engine)
            self.fitted = task
            run = None if out is None else TrainingRun(RunFolder(out), self._header(about or {}))
            if run and resume:
                run.restore(trainer)
            self.outcome = fit(trainer, dev_examples, report=report or _ignore, save=run.save if run else None)
        if run:
            run.finish(task, self.outcome)
        return self

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
        _warn_of_unknown(task, examples, "this corpus")
        return examples, evaluate(task, examples, engine, confidence=confidence)

    def predict(self, texts: Iterable[str | Sequence[str]], *, confidence: bool = True) -> list[TaggedText]:
        """Tag texts, raw or cut into words already; one result each, in their order.

        Args:
            texts: the texts.
            confidence: whether to say how sure the model is; without, it is a little faster.

        Raises:
            ConfigError: where one text is given in place of a list of them.
        """
        return list(self.stream(texts, confidence=confidence))

    def stream(self, texts: Iterable[str | Sequence[str]], *, confidence: bool = True) -> Iterator[TaggedText]:
        """Tag texts one after the other, in constant memory however many there are; arguments as for ``predict``.

        They are read in chunks, each as large as ``LINES_AT_ONCE`` and ``CHARACTERS_AT_ONCE`` allow.
        """
        if isinstance(texts, str):
            raise ConfigError("give a list of texts, such as [text], not one text")
        for number, chunk in enumerate(_chunks(texts)):
            yield from self._tag(chunk, confidence, release=number > 0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a run folder that ``load`` reads.

        Raises:
            CheckpointError: where it cannot be written; what was there before is untouched.
        """
        task, _ = self._ready()
        RunFolder(path).create(run_files(task, self._header({})))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: Device = "auto", precision: Precision = "auto") -> "Tagger":
        """Read a tagger from a run folder.

        Raises:
            CheckpointError: where the folder holds no tagger, or a file is damaged.
        """
        folder = RunFolder(path)
        run = folder.read_run()
        if run.get("task") not in list(TASKS):
            raise CheckpointError(f"{folder.path} holds a model of the task {run.get('task')!r}, not a tagger")
        try:
            tagger = cls(run["task"], device=device, precision=precision, **run["settings"])
            assets = {name: folder.read(name) for name in TASKS[tagger.task].asset_names}
            task = TASKS[tagger.task].restored(tagger.config, assets)
            task.model.load_state_dict(folder.read_tensors()[0])
        except (ConfigError, RuntimeError, KeyError, TypeError, json.JSONDecodeError) as error:
            reason = last_reason(error)
            raise CheckpointError(f"{folder.path} is damaged: {reason}; train again or restore its files") from error
        tagger.fitted = task
        task.model.to(Engine.open(device, precision).device)
        return tagger

    def _header(self, corpus: Mapping[str, Any]) -> dict[str, Any]:
        task, _ = self._ready()
        settings = {**asdict(self.config), **asdict(self.training)}
        return run_header(task, settings, corpus)

    def _ready(self) -> tuple[TaggingTask, Engine]:
        if self.fitted is None:
            raise ConfigError("this tagger is not trained yet; call fit, or Tagger.load(RUN)")
        return self.fitted, Engine.open(self.device, self.precision)

    def _tag(self, texts: Sequence[str | Sequence[str]], confidence: bool, release: bool) -> Iterator[TaggedText]:
        task, engine = self._ready()
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


def _warn_of_unknown(task: TaggingTask, examples: TaggedExamples, where: str) -> None:
    if lacking := task.unknown_labels(examples):
        message = f"{where} holds labels that training lacks, which can only count as wrong: {', '.join(lacking)}"
        warnings.warn(message, SeqkitWarning, stacklevel=3)


def _ignore(event: Event) -> None:
    pass


def _configs(settings: Mapping[str, Any]) -> tuple[TaggingConfig, TrainConfig]:
    model = {field.name for field in fields(TaggingConfig)}
    training = {field.name for field in fields(TrainConfig)}
    if unknown := sorted(settings.keys() - model - training):
        raise ConfigError(f"no setting {unknown[0]!r}; there is {', '.join(sorted(model | training))}")
    for name, value in settings.items():
        if isinstance(value, float) and not math.isfinite(value):  # JSON, and so a run folder, has no such number
            raise ConfigError(f"{name} must be a finite number, not {value}")
    return (
        TaggingConfig(**{name: value for name, value in settings.items() if name in model}),
        TrainConfig(**{name: value for name, value in settings.items() if name in training}),
    )


def _chunks(texts: Iterable[str | Sequence[str]]) -> Iterator[list[str | Sequence[str]]]:
    """Texts in lists of limited size; one that is larger by itself is the last of its list."""
    chunk: list[str | Sequence[str]] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text) if isinstance(text, str) else sum(map(len, text))
        if len(chunk) == LINES_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _tagged(
    text: str, words: Sequence[str], starts: list[int], said: TagPrediction, scheme: Scheme | None
) -> TaggedText:
    entities = []
    for span, confidence in zip(said.spans, said.confidence or repeat(None), strict=False):
        start, last = starts[span.start], span.end - 1
        end = starts[last] + len(words[last])
        entities.append(Entity(start, end, text[start:end], span.label, confidence))
    return TaggedText(text, entities, words, starts, said.tags, [] if scheme else said.confidence)


def load(path: str | os.PathLike[str], *, device: Device = "auto") -> Tagger:
    """Read whatever model a run folder holds.

    Raises:
        CheckpointError: where it holds none.
    """
    return Tagger.load(path, device=device)
