"""Tagging: a label for every token, or labelled spans of tokens.

Three tokens of a training sentence, with their tags, features and targets::

    Uma     B-PER       spelling 17 → word 1 (seen once: <unk>), shape Title, characters U m a   → label S-PER
    visited O           spelling 18 → word 42, shape lower, characters v i s i t e d             → label O
    Ghent   B-LOC       spelling 19 → word 7, shape Title, characters G h e n t                  → label S-LOC

The model predicts IOBES tags by default, whatever the scheme of the file, and returns spans; plain tags have no scheme.

Training reads whole sentences. ``predict``, ``predict_proba`` and ``evaluate`` all read the same windows
(``seqkit.tasks.tagging_windows``), so that they agree on every tag.

Shapes: N tokens of all windows, B batch, T time, C width of a language model's states, K labels.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import ClassVar, Self

import torch
from torch import Tensor

from seqkit.batches.batch import Batch, integers
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.batches.word_examples import WordExamples, WordReader, read_word_vectors
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.data.annotated_rows import AnnotatedRows, tokenized, tokenizer_for
from seqkit.data.tagged_rows import TaggedRows, UnmatchedSpan, check_lengths, check_tags_differ, gold_spans
from seqkit.errors import CorpusError
from seqkit.metrics.metric import SPAN_METRICS, TAG_METRICS, Metric
from seqkit.metrics.spans import span_scores, token_accuracy
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.models.tagger import TaggingModel
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging_windows import Window, cut_windows, merge_predictions
from seqkit.text.gold_tags import fitting_format
from seqkit.text.tag_format import TagFormat
from seqkit.text.tagging_schemes import Scheme, Span, spans_from_tags, tags_from_spans
from seqkit.text.words import WordTokenizer

__all__ = ["PartOfSpeechTask", "TaggedExamples", "TaggingTask"]


@dataclass(frozen=True, kw_only=True)
class TaggedExamples:
    """Sentences as a tagger reads them.

    Attributes:
        tokens: the sentences.
        windows: the windows of each sentence, which the model reads; in training, each sentence is one window.
        words: the words of all windows, one after the other.
        contextual_NC: the states of a language model at each token of all windows; None without a language model.
        gold: the gold tags and spans of each sentence; None if unknown.
        unmatched: the gold spans of each sentence that no tokens match; empty if the gold is given as tags.
        targets_N: the target label of each token of all windows; None outside training.
    """

    tokens: Sequence[Sequence[str]]
    windows: Sequence[Sequence[Window]]
    words: WordExamples
    contextual_NC: Tensor | None
    gold: list[TagPrediction] | None
    unmatched: Sequence[Sequence[UnmatchedSpan]]
    targets_N: Tensor | None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def steps(self) -> int:
        """Number of tokens of all sentences."""
        return sum(map(len, self.tokens))

    @property
    def gold_spans(self) -> list[list[Span]]:
        """The gold spans of each sentence; those that no tokens match have negative positions, and count as missed."""
        spans = [list(answer.spans) for answer in self.gold or ()]
        for found, others in zip(spans, self.unmatched, strict=False):
            found += [Span(-2 * number, -2 * number + 1, other.label) for number, other in enumerate(others, start=1)]
        return spans


class TaggingTask:
    """Named-entity recognition and other span labelling.

    Args:
        config: the settings of the model.
        reader: the vocabularies, and the tokenizer of raw text.
        labels: the labels of the model.
        scheme: the tagging scheme of the labels; None if they are plain tags.
        contextual: a language model whose states are features of words, if any.

    Attributes:
        corpus_scheme: the format of the training tags; None if they are plain. Other tags are read in this format as
            long as it explains them, so that an illegal tag is not taken for a sign of another scheme.
    """

    metrics: ClassVar[Sequence[Metric]] = SPAN_METRICS
    tie_breaker: ClassVar[Metric | None] = None

    def __init__(
        self,
        config: TaggingConfig,
        *,
        reader: WordReader,
        labels: Sequence[str],
        scheme: Scheme | None,
        contextual: ContextualStates | None = None,
    ) -> None:
        self.config = config
        self.reader = reader
        self.labels = list(labels)
        self.scheme = scheme
        self.label_ids = {label: index for index, label in enumerate(self.labels)}
        self.corpus_scheme: TagFormat | None = None
        self.model = TaggingModel(
            config,
            torch.tensor(reader.singletons),
            characters=len(reader.characters),
            affixes=len(reader.affixes),
            labels=self.labels,
            scheme=scheme,
            contextual=contextual,
        )

    @classmethod
    def from_rows(
        cls,
        config: TaggingConfig,
        rows: TaggedRows | AnnotatedRows,
        contextual: ContextualStates | None = None,
    ) -> tuple[Self, TaggedExamples]:
        """Build a task with the vocabularies and labels of training rows; return it and these rows as examples.

        Args:
            config: the settings of the model.
            rows: ``tokens`` and ``tags`` (strings), a list per sentence; or ``text`` and ``spans``.
            contextual: the language model that ``config.lm`` names, if any.

        Raises:
            CorpusError: if no tag marks an entity, a sentence is empty or does not have one tag per token, a tag cannot
                be read, or too many tags break their scheme (any, if ``config.strict``).
        """
        tokenizer, declared = None, None
        if "spans" in rows:
            tokenizer, declared = tokenizer_for(rows), TagFormat(Scheme.IOB2)
            rows = cls._of_spans(rows, tokenizer, "train")
        check_lengths(rows)
        tokens = rows["tokens"]
        corpus_scheme = declared or cls._format(config, rows)
        spans = cls._gold_spans(config, rows, corpus_scheme)
        labels, scheme = cls._labels(config, rows, spans)
        vectors = read_word_vectors(config.vectors, config.vector_words, tokens) if config.vectors else {}
        if vectors:
            config = replace(config, word_size=len(next(iter(vectors.values()))))
        reader = WordReader.fitted(tokens, config.minimum_count, tokenizer=tokenizer, known=vectors)
        task = cls(config, reader=reader, labels=labels, scheme=scheme, contextual=contextual)
        task.corpus_scheme = corpus_scheme
        task.model.features.adopt(vectors, reader.tokenizer.words)
        gold = task._gold(rows, spans)
        targets_N = integers([task.label_ids[tag] for answer in gold for tag in answer.tags])
        examples = task._examples(tokens, [[Window(0, len(sentence))] for sentence in tokens])
        return task, replace(examples, gold=gold, unmatched=rows.get("unmatched", ()), targets_N=targets_N)

    @property
    def tokenizer(self) -> WordTokenizer:
        """The tokenizer, which splits raw text as the training corpus is split."""
        return self.reader.tokenizer

    @classmethod
    def _format(cls, config: TaggingConfig, rows: TaggedRows, known: TagFormat | None = None) -> TagFormat | None:
        scheme = None if config.corpus_scheme is None else Scheme.parse(config.corpus_scheme)
        return fitting_format(rows["tags"], known, scheme=scheme, entity_type=config.entity_type)

    @classmethod
    def _gold_spans(
        cls, config: TaggingConfig, rows: TaggedRows, tag_format: TagFormat | None, *, of_train: bool = False
    ) -> list[list[Span]]:
        return gold_spans(rows, tag_format, strict=config.strict, is_format_of_train=of_train)

    @classmethod
    def _labels(
        cls, config: TaggingConfig, rows: TaggedRows, spans: Sequence[Sequence[Span]]
    ) -> tuple[list[str], Scheme | None]:
        types = sorted({span.label for sentence in spans for span in sentence})
        if not types:
            check_tags_differ(rows, ["O"])
        scheme = Scheme.parse(config.scheme)
        prefixes = sorted({tag[:2] for tag in tags_from_spans(_EVERY_PREFIX, 7, scheme) if tag != "O"})
        return ["O", *(prefix + label for label in types for prefix in prefixes)], scheme

    @classmethod
    def _of_spans(cls, rows: AnnotatedRows, tokenizer: WordTokenizer, split: str) -> TaggedRows:
        return tokenized(rows, tokenizer, split)

    def prepare(
        self, rows: TaggedRows | AnnotatedRows, scheme: TagFormat | None = None, *, split: str = "this corpus"
    ) -> TaggedExamples:
        """Return rows as examples for prediction or scoring.

        Args:
            rows: ``tokens`` and, if known, ``tags`` (strings); or ``text`` and ``spans``.
            split: what to call the rows in a warning.
            scheme: the format of the tags; None takes that of the training tags, or detects it if that does not fit.

        Raises:
            CorpusError: if a sentence with tags is empty or does not have one tag per token, a tag cannot be read, or
                too many tags break their scheme.
        """
        if "spans" in rows:
            rows, scheme = self._of_spans(rows, self.tokenizer, split), TagFormat(Scheme.IOB2)
        if "tags" in rows:
            check_lengths(rows)
        tokens = rows["tokens"]
        examples = self._examples(tokens, list(map(cut_windows, tokens)))
        if "tags" not in rows:
            return examples
        found = scheme or self._format(self.config, rows, self.corpus_scheme)
        spans = self._gold_spans(self.config, rows, found, of_train=found == self.corpus_scheme)
        return replace(examples, gold=self._gold(rows, spans), unmatched=rows.get("unmatched", ()))

    def _examples(self, tokens: Sequence[Sequence[str]], windows: Sequence[Sequence[Window]]) -> TaggedExamples:
        read = [sentence[start:end] for sentence, cut in zip(tokens, windows, strict=True) for start, end in cut]
        contextual = self.model.contextual
        return TaggedExamples(
            tokens=tokens,
            windows=windows,
            words=self.reader.read(read),
            contextual_NC=None if contextual is None else contextual.of(read),
            gold=None,
            unmatched=(),
            targets_N=None,
        )

    def _gold(self, rows: TaggedRows, spans: Sequence[list[Span]]) -> list[TagPrediction]:
        assert self.scheme is not None
        return [
            TagPrediction(tags_from_spans(sentence, len(tokens), self.scheme), sentence)
            for tokens, sentence in zip(rows["tokens"], spans, strict=True)
        ]

    def unknown_labels(self, examples: TaggedExamples) -> list[str]:
        """Return the gold entity types or tags that do not occur in the training data and can only count as wrong."""
        known = {label[2:] for label in self.labels} if self.scheme else set(self.labels)
        found = {label for answer in examples.gold or () for label in self._names(answer)}
        return sorted(found - known)

    def _names(self, answer: TagPrediction) -> Sequence[str]:
        return [span.label for span in answer.spans] if self.scheme else answer.tags

    def precompute(self, examples: TaggedExamples, device: torch.device) -> TaggedExamples:
        """Return the examples with the vectors of all their spellings computed once."""
        return replace(examples, words=examples.words.precompute(self.model.features.spelling_vectors, device))

    def collate(self, examples: TaggedExamples, index: Sequence[int]) -> Batch:
        """Return a batch of some windows, in the order given."""
        inputs, shared = examples.words.tensors(index)
        targets_BT = None
        if examples.contextual_NC is not None or examples.targets_N is not None:
            tokens_BT, padding_BT = examples.words.ragged.indices(index)
            if examples.contextual_NC is not None:
                inputs["contextual_BTC"] = examples.contextual_NC[tokens_BT]
            if examples.targets_N is not None:
                targets_BT = examples.targets_N[tokens_BT].masked_fill_(padding_BT, 0)
        lengths = examples.words.ragged.lengths[torch.as_tensor(index)]
        return Batch(inputs=inputs, lengths=lengths, targets=targets_BT, shared=shared)

    def sampler(self, examples: TaggedExamples, config: TrainConfig) -> BucketSampler:
        """Return the sampler of training batches."""
        return BucketSampler(lengths=examples.words.lengths, batch_tokens=config.batch_tokens, seed=config.seed)

    @property
    def parameter_groups(self) -> Sequence[str]:
        """No groups: all parameters have the same learning rate."""
        return ()

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return 1: all parameters have the same learning rate."""
        return 1.0

    def batches(self, examples: TaggedExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return the windows of each batch of a prediction."""
        return length_sorted_batches(examples.words.lengths, batch_tokens)

    def merge(
        self,
        examples: TaggedExamples,
        batches: Sequence[Sequence[int]],
        predictions: Sequence[list[TagPrediction]],
    ) -> list[TagPrediction]:
        """Return the prediction for each sentence, merged from those for its windows."""
        of_window = iter(in_order(batches, predictions))
        return [
            merge_predictions(windows, [next(of_window) for _ in windows], self.scheme) for windows in examples.windows
        ]

    def loss(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[Tensor, None]:
        """Return the training loss of a batch, averaged over its tokens; there is no carry."""
        assert batch.targets is not None
        states_BTH = self.model(batch)
        return self.model.head.loss(states_BTH, batch.targets, batch.mask), None

    def predict(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[list[TagPrediction], None]:
        """Return the tags and spans of each window of a batch, without confidence."""
        states_BTH = self.model(batch)
        decoded = self.model.head.decode(states_BTH, batch.mask)
        return list(map(self.prediction, decoded.labels)), None

    def prediction(self, labels: Sequence[int]) -> TagPrediction:
        """Return the prediction that a sequence of label indices stands for."""
        tags = [self.labels[label] for label in labels]
        # A softmax head may predict malformed chunks; they are read as conlleval, the CoNLL scorer, reads them.
        spans = spans_from_tags(tags, self.scheme, mode="conlleval") if self.scheme and any(labels) else []
        return TagPrediction(tags, spans)

    def describe(self, examples: TaggedExamples, index: Sequence[int]) -> str:
        """Return the first words of the first sentence of a batch."""
        words = examples.words.tokens[index[0]]
        return repr(" ".join(words[:8]) + (" …" if len(words) > 8 else ""))

    def assets(self) -> dict[str, str]:
        """Return the files that make the tagger together with its weights and settings."""
        corpus = self.corpus_scheme and self.corpus_scheme.to_dict()
        labels = {"scheme": self.scheme and self.scheme.name, "labels": self.labels, "corpus": corpus}
        assets = {**self.reader.assets(), "labels.json": json.dumps(labels, ensure_ascii=False, indent=1)}
        if self.model.contextual is not None:
            assets["language_model.json"] = self.model.contextual.to_json()
        return assets

    @classmethod
    def restored(cls, config: TaggingConfig, read: Callable[[str], str]) -> Self:
        """Return the tagger whose ``assets`` the function ``read`` returns by name, before its weights are loaded."""
        labels = json.loads(read("labels.json"))
        task = cls(
            config,
            reader=WordReader.restored(read),
            labels=labels["labels"],
            scheme=labels["scheme"] and Scheme.parse(labels["scheme"]),
            contextual=ContextualStates.from_json(read("language_model.json")) if config.lm else None,
        )
        task.corpus_scheme = TagFormat.from_dict(labels["corpus"]) if labels.get("corpus") else None
        return task

    def score(self, examples: TaggedExamples, predictions: Sequence[TagPrediction]) -> dict[str, float]:
        """Return F1, precision and recall of entities, and the accuracy of tokens, in 0..1."""
        gold = examples.gold or []
        overall = span_scores(examples.gold_spans, [each.spans for each in predictions]).overall
        accuracy = token_accuracy([answer.tags for answer in gold], [each.tags for each in predictions])
        return {"f1": overall.f1, "precision": overall.precision, "recall": overall.recall, "accuracy": accuracy}


class PartOfSpeechTask(TaggingTask):
    """Plain tags, such as parts of speech: one per token, without a scheme; any tag may follow any other."""

    metrics = TAG_METRICS

    @classmethod
    def _of_spans(cls, rows: AnnotatedRows, tokenizer: WordTokenizer, split: str) -> TaggedRows:
        message = "this corpus has spans of characters, not a tag for each token; for spans, use 'seqkit train ner'"
        raise CorpusError(message, file=str(rows["source"][0]).rpartition(":")[0] if rows.get("source") else None)

    @classmethod
    def _format(cls, config: TaggingConfig, rows: TaggedRows, known: TagFormat | None = None) -> None:
        return None

    @classmethod
    def _gold_spans(
        cls, config: TaggingConfig, rows: TaggedRows, tag_format: TagFormat | None, *, of_train: bool = False
    ) -> list[list[Span]]:
        return [[] for _ in rows["tags"]]

    @classmethod
    def _labels(
        cls, config: TaggingConfig, rows: TaggedRows, spans: Sequence[Sequence[Span]]
    ) -> tuple[list[str], None]:
        check_tags_differ(rows, chain.from_iterable(rows["tags"]))
        return sorted(set(chain.from_iterable(rows["tags"]))), None

    def _gold(self, rows: TaggedRows, spans: Sequence[list[Span]]) -> list[TagPrediction]:
        return [TagPrediction(list(sentence), []) for sentence in rows["tags"]]

    def score(self, examples: TaggedExamples, predictions: Sequence[TagPrediction]) -> dict[str, float]:
        """Return the accuracy of tokens, in 0..1."""
        gold = [answer.tags for answer in examples.gold or ()]
        return {"accuracy": token_accuracy(gold, [each.tags for each in predictions])}


# One span of each kind that a scheme can distinguish: long, adjacent, single.
_EVERY_PREFIX = [Span(0, 3, "_"), Span(3, 4, "_"), Span(5, 6, "_")]
