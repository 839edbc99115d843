"""Tagging: a label for every token, or spans of tokens with a type.

Three tokens of a training sentence, and what becomes of them::

    Uma     B-PER       spelling 17 → word 1 (seen once: <unk>), shape Title, characters U m a   → label S-PER
    visited O           spelling 18 → word 42, shape lower, characters v i s i t e d             → label O
    Ghent   B-LOC       spelling 19 → word 7, shape Title, characters G h e n t                  → label S-LOC

The model reads IOBES whatever the file uses, and answers in spans, or in plain tags where tags have no scheme.

Shapes: S distinct spellings of the examples, L characters, B batch, T time, U distinct spellings of a batch.
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from seqkit.batching import Batch, BucketSampler, Ragged, in_order, integers, length_sorted_batches
from seqkit.configs import TaggingConfig, TrainConfig
from seqkit.contextual import ContextualStates
from seqkit.errors import CorpusError
from seqkit.metrics import span_scores, token_accuracy
from seqkit.tagged_rows import check_lengths, gold_spans, source_of
from seqkit.tagging_model import TaggingModel
from seqkit.tagging_schemes import (
    Scheme,
    Span,
    spans_from_tags,
    tags_from_spans,
)
from seqkit.tokenization import WordTokenizer
from seqkit.vectors import read_vectors
from seqkit.vocabulary import AFFIX_LENGTHS, PADDING_ID, Vocabulary, affixes, normalize_word, word_shape

__all__ = ["PartOfSpeechTask", "TagPrediction", "TaggedExamples", "TaggingTask"]

MOST_SPELLINGS = 2**17  # whose vectors are held at once: 80 MB
LONGEST_SPELLING = 40  # characters of a word that are read: its first and last 20


@dataclass(frozen=True)
class TagPrediction:
    """What a tagger says of one sentence.

    Attributes:
        tags: one tag a token, in the scheme of the model.
        spans: the entities; empty for plain tags.
        confidence: a probability for each span, or for each tag where tags are plain; empty where not asked for.
    """

    tags: list[str]
    spans: list[Span]
    confidence: list[float]


@dataclass(frozen=True, kw_only=True)
class TaggedExamples:
    """Sentences as a model reads them.

    Attributes:
        ragged: the spelling of each token, and its target label where there is one.
        words_S, shapes_S, affixes_SA: word id, shape id and affix ids of each distinct spelling; row 0 is padding.
        characters_SL, characters_S: its character ids and how many they are.
        tokens: the sentences themselves.
        gold: what the corpus says of each, None where it says nothing.
        contextual_NC: what a language model makes of each token, where the tagger has one.
        spelt_SD: what the model makes of each spelling, where that was computed for all batches together.
    """

    ragged: Ragged
    words_S: Tensor
    shapes_S: Tensor
    affixes_SA: Tensor
    characters_SL: Tensor
    characters_S: Tensor
    tokens: Sequence[Sequence[str]]
    gold: list[TagPrediction] | None
    contextual_NC: Tensor | None = None
    spelt_SD: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ragged)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each sentence."""
        lengths: list[int] = self.ragged.lengths.tolist()
        return lengths


class TaggingTask:
    """Named-entity recognition and other span labelling.

    Args:
        config: what the model is made of.
        tokenizer: cuts raw text as the training corpus was cut.
            Its ``words`` are the word vocabulary.
        singletons: for each of its words whether training holds it once.
        characters: character vocabulary.
        affixes: affix vocabulary.
        labels: the labels the model chooses from.
        scheme: the scheme of the labels; None where they are plain tags.
        contextual: a language model whose states are features of words.
    """

    name = "ner"
    metric = "f1"
    usage = 'model.predict(["Some text."])'

    def __init__(
        self,
        config: TaggingConfig,
        *,
        tokenizer: WordTokenizer,
        singletons: Sequence[bool],
        characters: Vocabulary,
        affixes: Vocabulary,
        labels: Sequence[str],
        scheme: Scheme | None,
        contextual: ContextualStates | None = None,
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.characters = characters
        self.affixes = affixes
        self.labels = list(labels)
        self.scheme = scheme
        self.label_ids = {label: index for index, label in enumerate(self.labels)}
        self.model = TaggingModel(
            config,
            torch.tensor(singletons),
            characters=len(characters),
            affixes=len(affixes),
            labels=self.labels,
            scheme=scheme,
            contextual=contextual,
        )

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
        spellings = Counter(word for sentence in tokens for word in sentence)
        labels, scheme = cls._labels(config, rows)
        vectors = read_word_vectors(config, spellings) if config.vectors else {}
        if vectors:
            config = replace(config, word_size=len(next(iter(vectors.values()))))
        tokenizer = WordTokenizer.fitted_to(tokens)
        tokenizer.words = Vocabulary.build(spellings, config.minimum_count, extra=vectors, normalize=normalize_word)
        counts: Counter[str] = Counter()
        for word, count in spellings.items():
            counts[normalize_word(word)] += count
        task = cls(
            config,
            tokenizer=tokenizer,
            singletons=[counts[entry] == 1 and entry not in vectors for entry in tokenizer.words.entries],
            # Counted over distinct spellings: what many different words share is worth knowing.
            characters=Vocabulary.build(Counter(character for word in spellings for character in word), 2),
            affixes=Vocabulary.build(Counter(affix for word in spellings for affix in affixes(word)), 3),
            labels=labels,
            scheme=scheme,
            contextual=contextual,
        )
        with torch.no_grad():
            for word, vector in vectors.items():
                task.model.features.words.weight[tokenizer.words.ids([word])[0]] = vector
        return task

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
        tokens: Sequence[Sequence[str]] = rows["tokens"]
        spellings = {word: row for row, word in enumerate(dict.fromkeys(chain.from_iterable(tokens)), start=1)}
        columns = {"spellings": integers(list(map(spellings.__getitem__, chain.from_iterable(tokens))))}
        gold = self._gold(rows, scheme or self.config.corpus_scheme) if "tags" in rows else None
        if gold is not None:
            unknown = self.label_ids[self.labels[0]]
            columns["targets"] = integers(
                [self.label_ids.get(tag, unknown) for sentence in gold for tag in sentence.tags]
            )
        characters_SL, characters_S = self._characters(spellings)
        ends = self.affixes.ids(chain.from_iterable(map(affixes, spellings)))
        return TaggedExamples(
            ragged=Ragged(columns=columns, lengths=integers(list(map(len, tokens)))),
            words_S=integers([PADDING_ID, *self.tokenizer.words.ids(spellings)]),
            shapes_S=integers([PADDING_ID, *map(word_shape, spellings)]),
            affixes_SA=integers([PADDING_ID] * len(AFFIX_LENGTHS) + ends).view(-1, len(AFFIX_LENGTHS)),
            characters_SL=characters_SL,
            characters_S=characters_S,
            tokens=tokens,
            gold=gold,
            contextual_NC=None if self.model.contextual is None else self.model.contextual.of(tokens),
        )

    def _characters(self, spellings: Collection[str]) -> tuple[Tensor, Tensor]:
        """Character ids of spellings, padded, and how many; before them a row for padding, one character long."""
        read = [_read_characters(word) for word in spellings]
        characters_S = integers([1, *map(len, read)])
        inside_SL = torch.arange(int(characters_S.max())) < characters_S[:, None]
        characters_SL = torch.full(inside_SL.shape, PADDING_ID)
        characters_SL[inside_SL] = integers([PADDING_ID, *self.characters.ids("".join(read))])
        return characters_SL, characters_S

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
        if len(examples.words_S) > MOST_SPELLINGS:
            return examples
        spellings = {name: tensor.to(device) for name, tensor in _spellings(examples).items()}
        return replace(examples, spelt_SD=self.model.spelt(spellings))

    def collate(self, examples: TaggedExamples, rows: Sequence[int]) -> Batch:
        """A batch of some examples, in the order given."""
        padded = examples.ragged.pad(rows)
        rows_BT = padded["spellings"]
        inputs = {"words_BT": examples.words_S[rows_BT]}
        if examples.spelt_SD is not None:
            inputs |= {"spellings_BT": rows_BT, "spelt_UD": examples.spelt_SD}
        else:
            spellings_U, rows_BT = torch.unique(rows_BT, return_inverse=True)
            inputs |= {"spellings_BT": rows_BT, **_spellings(examples, spellings_U)}
        if examples.contextual_NC is not None:
            inputs["contextual_BTC"] = examples.contextual_NC[examples.ragged.places(rows)[0]]
        return Batch(
            inputs=inputs,
            lengths=examples.ragged.lengths[torch.as_tensor(rows)],
            targets=padded.get("targets"),
        )

    def sampler(self, examples: TaggedExamples, config: TrainConfig) -> BucketSampler:
        """The batches to train on."""
        return BucketSampler(lengths=examples.lengths, batch_tokens=config.batch_tokens, seed=config.seed)

    def batches(self, examples: TaggedExamples, batch_tokens: int) -> list[list[int]]:
        """The examples of each batch of a prediction."""
        return length_sorted_batches(examples.lengths, batch_tokens)

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
    ) -> tuple[list[TagPrediction], list[Tensor] | None]:
        """What the model says of each sentence of a batch."""
        states_BTH = self.model(batch)
        decoded = self.model.head.decode(states_BTH, batch.mask.to(states_BTH.device), confidence=confidence)
        predictions = []
        for row, labels in enumerate(decoded.labels):
            tags = [self.labels[label] for label in labels]
            # A softmax head may leave malformed chunks; they count as the shared tasks' scorer counts them.
            spans = spans_from_tags(tags, self.scheme, mode="conlleval") if self.scheme and any(labels) else []
            sure: list[float] = []
            if confidence:
                runs = (
                    [(span.start, span.end) for span in spans]
                    if self.scheme
                    else [(i, i + 1) for i in range(len(tags))]
                )
                marginal, conditional = decoded.marginals[row], decoded.conditionals[row]
                sure = [min(1.0, math.exp(marginal[s] + sum(conditional[s + 1 : e]))) for s, e in runs]
            predictions.append(TagPrediction(tags, spans, sure))
        return predictions, None

    def describe(self, examples: TaggedExamples, rows: Sequence[int]) -> str:
        """The first words of the first sentence of a batch."""
        words = examples.tokens[rows[0]]
        return repr(" ".join(words[:8]) + (" …" if len(words) > 8 else ""))

    @staticmethod
    def asset_names(config: TaggingConfig) -> list[str]:
        """The names of the files that ``assets`` gives."""
        names = ["tokenizer.json", "characters.json", "affixes.json", "labels.json"]
        return [*names, "language_model.json"] if config.lm else names

    def assets(self) -> dict[str, str]:
        """The files that, with the weights and the configuration, make the tagger."""
        labels = {"scheme": self.scheme and self.scheme.name, "labels": self.labels}
        contextual = self.model.contextual
        return {
            "tokenizer.json": self.tokenizer.to_json(),
            "characters.json": json.dumps(self.characters.entries, ensure_ascii=False),
            "affixes.json": json.dumps(self.affixes.entries, ensure_ascii=False),
            "labels.json": json.dumps(labels, ensure_ascii=False, indent=1),
            **({} if contextual is None else {"language_model.json": contextual.to_json()}),
        }

    @classmethod
    def restored(cls, config: TaggingConfig, assets: Mapping[str, str]) -> "TaggingTask":
        """The tagger that ``assets`` describe, before its weights are loaded."""
        labels = json.loads(assets["labels.json"])
        tokenizer = WordTokenizer.from_json(assets["tokenizer.json"])
        return cls(
            config,
            tokenizer=tokenizer,
            singletons=[False] * len(tokenizer.words),  # the weights file has them
            characters=Vocabulary(json.loads(assets["characters.json"])),
            affixes=Vocabulary(json.loads(assets["affixes.json"])),
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


# One span of each kind a scheme can tell apart: long, adjacent, single.
_EVERY_PREFIX = [Span(0, 3, "_"), Span(3, 4, "_"), Span(5, 6, "_")]


def read_word_vectors(config: TaggingConfig, spellings: Collection[str]) -> dict[str, Tensor]:
    """Pretrained vectors by normalised word: of training's words, and of those at the top of the file."""
    assert config.vectors is not None
    keys = {normalize_word(word) for word in spellings}
    table = read_vectors(config.vectors, keys | set(spellings), most_frequent=config.vector_words)
    vectors: dict[str, Tensor] = {}
    for word, vector in zip(table.words, torch.from_numpy(table.vectors), strict=True):
        key = normalize_word(word)
        if key == word or key not in vectors:  # "The" lends its vector to "the" only where there is no "the"
            vectors[key] = vector
    return vectors


def _spellings(examples: TaggedExamples, chosen: Tensor | slice = slice(None)) -> dict[str, Tensor]:
    """Shapes, affixes and characters of some spellings, no wider than the longest of them."""
    lengths_U = examples.characters_S[chosen]
    return {
        "shapes_U": examples.shapes_S[chosen],
        "affixes_UA": examples.affixes_SA[chosen],
        "characters_UL": examples.characters_SL[chosen][:, : int(lengths_U.max())],
        "characters_U": lengths_U,
    }


def _read_characters(word: str) -> str:
    """The characters of a word that are read: of a very long one its two ends."""
    half = LONGEST_SPELLING // 2
    return word if len(word) <= LONGEST_SPELLING else word[:half] + word[-half:]
