"""Tagging: a label for every token, or spans of tokens with a type.

Three tokens of a training sentence, and what becomes of them::

    Uma     B-PER       spelling 17 → word 1 (seen once: <unk>), shape Title, characters U m a   → label S-PER
    visited O           spelling 18 → word 42, shape lower, characters v i s i t e d             → label O
    Ghent   B-LOC       spelling 19 → word 7, shape Title, characters G h e n t                  → label S-LOC

The model reads IOBES whatever the file uses, and answers in spans, or in plain tags where tags have no scheme.

Shapes: S distinct spellings of the examples, L characters, B batch, T time, U distinct spellings of a batch.
"""

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor

from seqkit.batches.batch import Batch, integers
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.batches.word_examples import WordExamples, WordReader, read_word_vectors
from seqkit.config.tagging import TaggingConfig
from seqkit.config.training import TrainConfig
from seqkit.data.tagged_rows import check_lengths, gold_spans, source_of
from seqkit.errors import CorpusError
from seqkit.metrics.mc_dropout import summary
from seqkit.metrics.spans import span_scores, token_accuracy
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.models.tagger import TaggingModel
from seqkit.models.tagging_heads import Decoded
from seqkit.nn.dropout import drop_in_prediction
from seqkit.text.tagging_schemes import (
    Scheme,
    Span,
    spans_from_tags,
    tags_from_spans,
)
from seqkit.text.words import WordTokenizer

__all__ = ["PartOfSpeechTask", "TagPrediction", "TaggedExamples", "TaggingTask"]


@dataclass(frozen=True)
class TagPrediction:
    """What a tagger says of one sentence.

    Attributes:
        tags: one tag a token, in the scheme of the model.
        spans: the entities; empty for plain tags.
        confidence: a probability for each span, or for each tag where tags are plain; empty where not asked for.
        spread: the standard deviation of each over Monte Carlo samples; empty where these were not asked for.
            ``confidence`` then is their mean.
        intervals: the bounds between which 95 % of the samples lie.
    """

    tags: list[str]
    spans: list[Span]
    confidence: list[float]
    spread: list[float] = field(default_factory=list)
    intervals: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class TaggedExamples:
    """Sentences as a model reads them.

    Attributes:
        words: their words.
        gold: what the corpus says of each, None where it says nothing.
        targets_N: the target label of each token; None likewise.
    """

    words: WordExamples
    gold: list[TagPrediction] | None
    targets_N: Tensor | None

    def __len__(self) -> int:
        return len(self.words)

    @property
    def tokens(self) -> Sequence[Sequence[str]]:
        """The sentences themselves."""
        return self.words.tokens

    @property
    def lengths(self) -> list[int]:
        """Tokens of each sentence."""
        return self.words.lengths


class TaggingTask:
    """Named-entity recognition and other span labelling.

    Args:
        config: what the model is made of.
        reader: vocabularies, and how raw text is cut into words.
        labels: the labels the model chooses from.
        scheme: the scheme of the labels; None where they are plain tags.
        contextual: a language model whose states are features of words.
    """

    name = "ner"
    metric = "f1"
    tie_breaker: str | None = None
    rate_parts: Sequence[str] = ()
    usage = 'model.predict(["Some text."])'

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
        self.model = TaggingModel(
            config,
            torch.tensor(reader.singletons),
            characters=len(reader.characters),
            affixes=len(reader.affixes),
            labels=self.labels,
            scheme=scheme,
            contextual=contextual,
        )
        self.dropping: TaggingModel | None = None
        self.copies = 0
        self.tells_probabilities = False

    def telling_probabilities(self) -> Self:
        """The same tagger, whose prediction for a sentence is the probability of each label at each token, (T, K)."""
        other = copy.copy(self)
        other.tells_probabilities = True
        return other

    def with_dropout(self, copies: int) -> Self:
        """The same tagger, its weights shared, whose confidence comes from so many copies read under dropout."""
        other = copy.copy(self)
        other.dropping, other.copies = drop_in_prediction(self.model.eval()), copies  # type: ignore[assignment]
        return other

    @classmethod
    def fitted(
        cls, config: TaggingConfig, rows: Mapping[str, Any], contextual: ContextualStates | None = None
    ) -> "TaggingTask":
        """A task whose vocabularies and labels are those of training rows.

        Args:
            config: what the model is made of.
            rows: ``tokens`` and ``tags`` (strings), a list a sentence.
            contextual: the language model that ``config.lm`` names, where it does.

        Raises:
            CorpusError: where no tag marks an entity, or a tag sequence is illegal in its scheme.
        """
        tokens = rows["tokens"]
        labels, scheme = cls._labels(config, rows)
        vectors = read_word_vectors(config.vectors, config.vector_words, tokens) if config.vectors else {}
        if vectors:
            config = replace(config, word_size=len(next(iter(vectors.values()))))
        reader = WordReader.fitted(tokens, config.minimum_count, known=vectors)
        task = cls(config, reader=reader, labels=labels, scheme=scheme, contextual=contextual)
        task.model.features.adopt(vectors, reader.tokenizer.words)
        return task

    @property
    def tokenizer(self) -> WordTokenizer:
        """What cuts raw text as the training corpus was cut."""
        return self.reader.tokenizer

    @classmethod
    def _labels(cls, config: TaggingConfig, rows: Mapping[str, Any]) -> tuple[list[str], Scheme | None]:
        gold = gold_spans(rows, config.corpus_scheme)
        types = sorted({span.label for spans in gold for span in spans})
        if not types:
            source = source_of(rows, 0)
            raise CorpusError(
                "the training split marks no entity: every tag is O; annotate some, or choose another corpus",
                file=source and source[0],
            )
        scheme = Scheme.parse(config.scheme)
        prefixes = sorted({tag[:2] for tag in tags_from_spans(_EVERY_PREFIX, 7, scheme) if tag != "O"})
        return ["O", *(prefix + label for label in types for prefix in prefixes)], scheme

    def prepare(self, rows: Mapping[str, Any], scheme: str | None = None) -> TaggedExamples:
        """Rows as a model reads them.

        Args:
            rows: ``tokens``, and ``tags`` (strings) where they are known.
            scheme: the scheme of the tags where it is known; else that of the configuration, else detected.

        Raises:
            CorpusError: where a sentence has no token, or not one tag a token, or tags are illegal.
        """
        check_lengths(rows)
        gold = self._gold(rows, scheme or self.config.corpus_scheme) if "tags" in rows else None
        unknown = self.label_ids[self.labels[0]]
        targets_N = None
        if gold is not None:
            targets_N = integers([self.label_ids.get(tag, unknown) for answer in gold for tag in answer.tags])
        return TaggedExamples(self.reader.read(rows["tokens"], self.model.contextual), gold, targets_N)

    def _gold(self, rows: Mapping[str, Any], scheme: str | None) -> list[TagPrediction]:
        assert self.scheme is not None
        return [
            TagPrediction(tags_from_spans(spans, len(tags), self.scheme), spans, [])
            for tags, spans in zip(rows["tags"], gold_spans(rows, scheme), strict=True)
        ]

    def unknown_labels(self, examples: TaggedExamples) -> list[str]:
        """Types or tags of the gold answers that training lacks: they can only be counted as wrong."""
        known = {label[2:] for label in self.labels} if self.scheme else set(self.labels)
        gold = examples.gold or []
        found = {
            label
            for answer in gold
            for label in ([span.label for span in answer.spans] if self.scheme else answer.tags)
        }
        return sorted(found - known)

    def settled(self, examples: TaggedExamples, device: torch.device) -> TaggedExamples:
        """The examples with all that depends on spellings alone computed once, for as long as weights stay as they are.

        Of very many spellings it would fill the memory; then each batch computes its own.
        """
        words = examples.words
        if not words.can_settle:
            return examples
        spellings = {name: tensor.to(device) for name, tensor in words.spellings().items()}
        return replace(examples, words=words.settled(self.model.features.spelling_vectors(spellings)))

    def collate(self, examples: TaggedExamples, rows: Sequence[int]) -> Batch:
        """A batch of some examples, in the order given."""
        targets_BT = None
        if examples.targets_N is not None:
            places_BT, padding_BT = examples.words.ragged.places(rows)
            targets_BT = examples.targets_N[places_BT].masked_fill_(padding_BT, 0)
        return Batch(
            inputs=examples.words.inputs(rows),
            lengths=examples.words.ragged.lengths[torch.as_tensor(rows)],
            targets=targets_BT,
        )

    def sampler(self, examples: TaggedExamples, config: TrainConfig) -> BucketSampler:
        """The batches to train on."""
        return BucketSampler(lengths=examples.lengths, batch_tokens=config.batch_tokens, seed=config.seed)

    def rate_share(self, part: str, epoch: int) -> float:
        """All parts learn at the same rate."""
        return 1.0

    def batches(self, examples: TaggedExamples, batch_tokens: int) -> list[list[int]]:
        """The examples of each batch of a prediction."""
        return length_sorted_batches(examples.lengths, batch_tokens // max(1, self.copies))

    def in_order(
        self, batches: Sequence[Sequence[int]], predictions: Sequence[list[TagPrediction]]
    ) -> list[TagPrediction]:
        """The predictions of all batches in the order of the examples."""
        return in_order(batches, predictions)

    def loss(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor] | None]:
        """Training loss of a batch, averaged over its tokens; sentences stand alone, so nothing is carried."""
        assert batch.targets is not None
        states_BTH = self.model(batch)
        return self.model.head.loss(states_BTH, batch.targets, batch.mask.to(states_BTH.device)), None

    def predict(
        self, batch: Batch, carry: list[Tensor] | None = None, *, confidence: bool = False
    ) -> tuple[list[Any], list[Tensor] | None]:
        """What the model says of each sentence of a batch."""
        states_BTH = self.model(batch)
        mask_BT = batch.mask.to(states_BTH.device)
        if self.tells_probabilities:
            found_BTK = self.model.head.probabilities(states_BTH, mask_BT).float().cpu().numpy()
            return [row[:length] for row, length in zip(found_BTK, batch.lengths.tolist(), strict=True)], None
        decoded = self.model.head.decode(states_BTH, mask_BT, confidence=confidence)
        predictions = []
        for row, labels in enumerate(decoded.labels):
            tags = [self.labels[label] for label in labels]
            # A softmax head may leave malformed chunks; they count as the shared tasks' scorer counts them.
            spans = spans_from_tags(tags, self.scheme, mode="conlleval") if self.scheme and any(labels) else []
            sure = _confidence(decoded, row, spans if self.scheme else None) if confidence else []
            predictions.append(TagPrediction(tags, spans, sure))
        if self.dropping is not None and confidence:
            predictions = self._sampled(batch, decoded.labels, predictions)
        return predictions, None

    def _sampled(
        self, batch: Batch, labels: list[list[int]], predictions: Sequence[TagPrediction]
    ) -> list[TagPrediction]:
        """The same predictions, with how sure the copies that are read under dropout are of them."""
        assert self.dropping is not None
        many = batch.repeated(self.copies)
        states_BTH = self.dropping(many)
        repeated = [row for row in labels for _ in range(self.copies)]
        judged = self.dropping.head.judge(states_BTH, many.mask.to(states_BTH.device), repeated)
        found = []
        for number, said in enumerate(predictions):
            rows = range(number * self.copies, (number + 1) * self.copies)
            if not said.confidence:
                found.append(said)
                continue
            samples = torch.tensor([_confidence(judged, row, said.spans if self.scheme else None) for row in rows])
            mean, spread, low, high = (part.tolist() for part in summary(samples, 0))
            found.append(TagPrediction(said.tags, said.spans, mean, spread, list(zip(low, high, strict=True))))
        return found

    def describe(self, examples: TaggedExamples, rows: Sequence[int]) -> str:
        """The first words of the first sentence of a batch."""
        words = examples.tokens[rows[0]]
        return repr(" ".join(words[:8]) + (" …" if len(words) > 8 else ""))

    @staticmethod
    def asset_names(config: TaggingConfig) -> list[str]:
        """The names of the files that ``assets`` gives."""
        names = [*WordReader.asset_names, "labels.json"]
        return [*names, "language_model.json"] if config.lm else names

    def assets(self) -> dict[str, str]:
        """The files that, with the weights and the configuration, make the tagger."""
        labels = {"scheme": self.scheme and self.scheme.name, "labels": self.labels}
        contextual = self.model.contextual
        return {
            **self.reader.assets(),
            "labels.json": json.dumps(labels, ensure_ascii=False, indent=1),
            **({} if contextual is None else {"language_model.json": contextual.to_json()}),
        }

    @classmethod
    def restored(cls, config: TaggingConfig, assets: Mapping[str, str]) -> "TaggingTask":
        """The tagger that ``assets`` describe, before its weights are loaded."""
        labels = json.loads(assets["labels.json"])
        return cls(
            config,
            reader=WordReader.restored(assets),
            labels=labels["labels"],
            scheme=labels["scheme"] and Scheme.parse(labels["scheme"]),
            contextual=ContextualStates.from_json(assets["language_model.json"]) if config.lm else None,
        )

    def score(self, gold: Sequence[TagPrediction], predicted: Sequence[TagPrediction]) -> dict[str, float]:
        """F1, precision and recall of entities, and token accuracy, in 0..1."""
        overall = span_scores([g.spans for g in gold], [p.spans for p in predicted]).overall
        accuracy = token_accuracy([g.tags for g in gold], [p.tags for p in predicted])
        return {"f1": overall.f1, "precision": overall.precision, "recall": overall.recall, "accuracy": accuracy}


class PartOfSpeechTask(TaggingTask):
    """Plain tags, such as parts of speech: one a token, no scheme, any may follow any."""

    name = "pos"
    metric = "accuracy"

    @classmethod
    def _labels(cls, config: TaggingConfig, rows: Mapping[str, Any]) -> tuple[list[str], Scheme | None]:
        return sorted({tag for sentence in rows["tags"] for tag in sentence}), None

    def _gold(self, rows: Mapping[str, Any], scheme: str | None) -> list[TagPrediction]:
        return [TagPrediction(list(sentence), [], []) for sentence in rows["tags"]]

    def score(self, gold: Sequence[TagPrediction], predicted: Sequence[TagPrediction]) -> dict[str, float]:
        """Share of tokens with the right tag."""
        return {"accuracy": token_accuracy([g.tags for g in gold], [p.tags for p in predicted])}


def _confidence(decoded: Decoded, row: int, spans: Sequence[Span] | None) -> list[float]:
    """The probability of each span of a row, or of each tag."""
    marginal, conditional = decoded.marginals[row], decoded.conditionals[row]
    places = range(len(decoded.labels[row]))
    runs = [(place, place + 1) for place in places] if spans is None else [(span.start, span.end) for span in spans]
    return [min(1.0, math.exp(marginal[start] + sum(conditional[start + 1 : end]))) for start, end in runs]


# One span of each kind a scheme can tell apart: long, adjacent, single.
_EVERY_PREFIX = [Span(0, 3, "_"), Span(3, 4, "_"), Span(5, 6, "_")]
