"""Classification: a label, or several, for a whole text.

A training text, and what becomes of it::

    {"text": "Not bad at all!", "label": "positive"}
        words      Not bad at all !     each a word, its spelling, its shape, its affixes
        n-grams    not · bad · at · all · ! · not bad · bad at · at all · all !
        label      positive → 1

A text without a word has no answer but how frequent each label is in training.

Shapes: B batch, C copies of a text, K labels, X n-grams of all texts of a batch.
"""

import copy
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from seqkit.batches.batch import Batch, integers
from seqkit.batches.labelled_examples import LabelledExamples, LabelProbabilities
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.batches.token_examples import TokenExamples, TokenReader
from seqkit.batches.word_examples import WordExamples, WordReader, read_word_vectors
from seqkit.config.classification import ClassificationConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.training import TrainConfig
from seqkit.errors import ConfigError, CorpusError
from seqkit.metrics.labels import label_scores
from seqkit.metrics.mc_dropout import summary
from seqkit.models.classification_loss import LabelLoss, class_weights
from seqkit.models.classifier import ClassificationModel
from seqkit.models.text_encoders import (
    LanguageModelEncoder,
    PretrainedEncoder,
    WordEncoder,
    WordVocabularies,
    text_encoder,
)
from seqkit.nn.dropout import drop_in_prediction
from seqkit.text.ngrams import NgramVocabulary
from seqkit.text.words import WordTokenizer

__all__ = ["ClassificationTask", "SentimentTask"]

NOTHING = [""]  # how a text without a word is read
COUNTED, COUNTED_BEYOND = 100, 8  # tokens of a text that fill a batch: so many, and one in so many of the rest
LEAST_STEPS = 20  # of an epoch, where there are as many texts


class ClassificationTask:
    """Labels of texts.

    Args:
        config: what the model is made of.
        tokenizer: cuts raw text into words, whose n-grams are looked at.
        reader: vocabularies of what the encoder reads.
        ngrams: the n-grams that are known; None without that branch.
        labels: the labels, in their own type.
        several: whether a text may have several labels, or none.
        prior: how frequent each label is in training.
        language_model: the configuration of the language model that the encoder has been, if any.

    Attributes:
        temperature: what scores are divided by, so that probabilities are as high as they are right.
        copies: how many copies of each text a prediction reads, under dropout; 0 reads it once, without.
    """

    name = "classifier"
    metric = "accuracy"
    tie_breaker: str | None = "log_loss"
    usage = 'model.predict(["Some text."])'

    def __init__(
        self,
        config: ClassificationConfig,
        *,
        tokenizer: WordTokenizer,
        reader: WordReader | TokenReader,
        ngrams: NgramVocabulary | None,
        labels: Sequence[Any],
        several: bool,
        prior: Sequence[float],
        language_model: LanguageModelConfig | None = None,
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.reader = reader
        self.ngrams = ngrams
        self.labels = list(labels)
        self.several = several
        self.prior = list(prior)
        self.temperature = 1.0
        self.copies = 0
        self.language_model = language_model
        self.label_loss = LabelLoss(
            class_weights(config, self.labels, self.prior),
            several=several,
            label_smoothing=config.label_smoothing,
            focal_gamma=config.focal_gamma,
        )
        encoder = text_encoder(config, _vocabulary(reader), language_model)
        self.model = ClassificationModel(
            config, encoder, ngrams=0 if ngrams is None else len(ngrams), labels=len(self.labels)
        )

    @classmethod
    def fitted(
        cls, config: ClassificationConfig, rows: Mapping[str, Any], pretrained: PretrainedEncoder | None = None
    ) -> "ClassificationTask":
        """A task whose vocabularies and labels are those of training rows.

        Args:
            config: what the model is made of.
            rows: ``text``; ``label``, a list of labels each; and ``several``, whether there may be other than one.
            pretrained: the language model that ``config.lm`` names, where it does.

        Raises:
            CorpusError: where training knows fewer than two labels.
        """
        tokenizer = WordTokenizer()
        tokens = _words(tokenizer, rows["text"])
        labels, counts = _labels_of(config, rows)
        if config.vectors and (config.lm or config.unit != "word"):
            raise ConfigError("pretrained vectors are of words: leave them out where a language model or bpe is read")
        vectors = read_word_vectors(config.vectors, config.vector_words, tokens) if config.vectors else {}
        if vectors:
            config = replace(config, word_size=len(next(iter(vectors.values()))))
        reader: WordReader | TokenReader
        if pretrained is not None:
            reader = TokenReader(pretrained.tokenizer)
        elif config.unit == "bpe":
            reader = TokenReader.fitted(rows["text"], "bpe", config.bpe_size)
        else:
            reader = WordReader.fitted(tokens, config.minimum_count, tokenizer=tokenizer, known=vectors)
        ngrams = None
        if config.ngrams:
            ngrams = NgramVocabulary.fitted(tokens, longest=config.ngrams, minimum_count=config.ngram_count)
        task = cls(
            config,
            tokenizer=tokenizer,
            reader=reader,
            ngrams=ngrams,
            labels=labels,
            several=rows["several"],
            prior=[counts[label] / len(tokens) for label in labels],
            language_model=None if pretrained is None else pretrained.config,
        )
        task._begin_with(vectors, pretrained)
        task._begin_as_naive_bayes(tokens, rows["label"])
        return task

    def _begin_as_naive_bayes(self, tokens: Sequence[Sequence[str]], answers: Sequence[Sequence[Any]]) -> None:
        if self.ngrams is None or self.model.ngrams is None or not self.config.naive_bayes:
            return
        places = {label: place for place, label in enumerate(self.labels)}
        gold = [[places[label] for label in answer] for answer in answers]
        ratios_GK = torch.from_numpy(self.ngrams.log_count_ratios(tokens, gold, len(self.labels)))
        self.model.ngrams.adopt(self.config.naive_bayes * ratios_GK)

    def _begin_with(self, vectors: Mapping[str, Tensor], pretrained: PretrainedEncoder | None) -> None:
        encoder = self.model.encoder
        if isinstance(encoder, WordEncoder):
            encoder.features.adopt(vectors, self.tokenizer.words)
        elif isinstance(encoder, LanguageModelEncoder):
            assert pretrained is not None
            encoder.adopt(pretrained.networks)

    @property
    def rate_parts(self) -> list[str]:
        """The n-grams, and of a language model its embedding and each layer, have a learning rate of their own."""
        return ["ngrams.", *(f"encoder.{part}" for part in self._layers())]

    def _layers(self) -> dict[str, int]:
        """For each part of a language model how many layers stand above it."""
        encoder = self.model.encoder
        return encoder.depths() if isinstance(encoder, LanguageModelEncoder) else {}

    def rate_share(self, part: str, epoch: int) -> float:
        """What the learning rate is multiplied by in a part.

        The layers of a language model begin to learn one after the other, the highest first (gradual unfreezing), and
        the lower the slower (discriminative fine-tuning; Howard and Ruder 2018, sections 3.2 and 3.3).
        """
        if part == "ngrams.":
            return self.config.ngram_rate
        if part == "":
            return 1.0
        depth = self._layers()[part.removeprefix("encoder.")]
        frozen = epoch < self.config.unfreeze_epochs * (depth + 1)
        return 0.0 if frozen else self.config.lm_rate / self.config.lm_rate_decay**depth

    def with_dropout(self, copies: int) -> Self:
        """The same classifier, its weights shared, that reads so many copies of each text under dropout."""
        other = copy.copy(self)
        other.model, other.copies = drop_in_prediction(self.model.eval()), copies  # type: ignore[assignment]
        return other

    def prepare(self, rows: Mapping[str, Any]) -> LabelledExamples:
        """Rows as the model reads them: ``text``, and ``label`` as lists of labels where they are known."""
        tokens = _words(self.tokenizer, rows["text"])
        places = {label: place for place, label in enumerate(self.labels)}
        gold = None
        if "label" in rows:
            unknown = len(self.labels)  # a label that training lacks: it can only be counted as wrong
            gold = [[places.get(label, unknown) for label in answer] for answer in rows["label"]]
        if isinstance(self.reader, WordReader):
            read: WordExamples | TokenExamples = self.reader.read([words or NOTHING for words in tokens])
        else:
            read = self.reader.read(rows["text"])
        return LabelledExamples(
            texts=tokens,
            read=read,
            ngrams=None if self.ngrams is None else [self.ngrams.weights(words) for words in tokens],
            empty=[not words for words in tokens],
            gold=gold,
        )

    def pieces(self, text: str) -> list[str]:
        """A text in the pieces that the encoder reads, and attends to."""
        if isinstance(self.reader, WordReader):
            return [token.text for token in self.tokenizer.tokenize(text)] or NOTHING
        tokenizer = self.reader.tokenizer
        ids = tokenizer.encode(text).tolist() or [tokenizer.end_id]
        return [tokenizer.pieces[token].decode(errors="replace") for token in ids]

    def settled(self, examples: LabelledExamples, device: torch.device) -> LabelledExamples:
        """The examples with all that depends on spellings alone computed once, under weights that stay."""
        read, encoder = examples.read, self.model.encoder
        if not isinstance(read, WordExamples) or not isinstance(encoder, WordEncoder) or not read.can_settle:
            return examples
        spellings = {name: tensor.to(device) for name, tensor in read.spellings().items()}
        return replace(examples, read=read.settled(encoder.features.spelling_vectors(spellings)))

    def sampler(self, examples: LabelledExamples, config: TrainConfig) -> BucketSampler:
        """The batches to train on: of few texts smaller ones, so that an epoch has some steps."""
        labels = None
        if self.config.balanced_sampling and examples.gold is not None:
            labels = [answer[0] for answer in examples.gold]
        # Losses are of texts, not of tokens: a batch of long texts, too, is to hold several.
        lengths = [min(length, COUNTED) + max(0, length - COUNTED) // COUNTED_BEYOND for length in examples.lengths]
        batch_tokens = min(config.batch_tokens, max(max(lengths), sum(lengths) // LEAST_STEPS))
        return BucketSampler(lengths=lengths, batch_tokens=batch_tokens, seed=config.seed, labels=labels)

    def batches(self, examples: LabelledExamples, batch_tokens: int) -> list[list[int]]:
        """The examples of each batch of a prediction."""
        return length_sorted_batches(examples.lengths, max(1, batch_tokens // max(1, self.copies)))

    def in_order(
        self, batches: Sequence[Sequence[int]], predictions: Sequence[list[LabelProbabilities]]
    ) -> list[LabelProbabilities]:
        """The predictions of all batches in the order of the examples."""
        return in_order(batches, predictions)

    def collate(self, examples: LabelledExamples, rows: Sequence[int]) -> Batch:
        """A batch of some examples, in the order given."""
        lengths_B = examples.read.ragged.lengths[torch.as_tensor(rows)]
        rows = [row for row in rows for _ in range(max(1, self.copies))]
        inputs = examples.read.inputs(rows)
        inputs["empty_B"] = torch.tensor([examples.empty[row] for row in rows])
        if examples.ngrams is not None:
            chosen = [examples.ngrams[row] for row in rows]
            inputs["ngrams_X"] = torch.from_numpy(np.concatenate([ids for ids, _ in chosen]))
            inputs["weights_X"] = torch.from_numpy(np.concatenate([weights for _, weights in chosen]))
            counts_B = torch.tensor([len(ids) for ids, _ in chosen])
            inputs["rows_X"] = torch.arange(len(chosen)).repeat_interleave(counts_B)
        targets = None if examples.gold is None else self._targets([examples.gold[row] for row in rows])
        return Batch(inputs=inputs, lengths=lengths_B.repeat_interleave(max(1, self.copies)), targets=targets)

    def _targets(self, gold: Sequence[Sequence[int]]) -> Tensor:
        """Places of labels (B,), or which labels are right, (B, K)."""
        if not self.several:
            return integers([answer[0] for answer in gold])
        right_BK = torch.zeros(len(gold), len(self.labels))
        for row, answer in enumerate(gold):
            right_BK[row, [place for place in answer if place < len(self.labels)]] = 1.0
        return right_BK

    def loss(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor] | None]:
        """The loss of both branches together, and a share of that of each; texts stand alone, so nothing is carried."""
        assert batch.targets is not None
        said = self.model(batch)
        loss = self.label_loss(said.scores_BK, batch.targets)
        for scores_BK in said.branches:
            loss = loss + self.config.branch_loss * self.label_loss(scores_BK, batch.targets)
        return loss, None

    def predict(
        self, batch: Batch, carry: list[Tensor] | None = None, *, confidence: bool = False
    ) -> tuple[list[LabelProbabilities], list[Tensor] | None]:
        """What the model says of each text of a batch; the probabilities are those at the fitted temperature."""
        said, copies = self.model(batch), max(1, self.copies)
        logits_BCK = said.scores_BK.float().view(-1, copies, len(self.labels))
        mean, *sampled = (part.tolist() for part in summary(self.probabilities(logits_BCK), 1))
        logits = logits_BCK.mean(1).tolist()
        attention: list[list[float]] | None = None
        if said.attention_BT is not None:
            attention = said.attention_BT.view(-1, copies, said.attention_BT.shape[1]).mean(1).tolist()
        found = []
        for row, nothing in enumerate(batch.inputs["empty_B"].tolist()[::copies]):
            length = int(batch.lengths[row * copies])
            spread, low, high = (
                ([0.0] * len(self.labels), self.prior, self.prior) if nothing else (part[row] for part in sampled)
            )
            found.append(
                LabelProbabilities(
                    self.prior if nothing else mean[row],
                    logits[row],
                    nothing,
                    None if attention is None else attention[row][:length],
                    spread if self.copies else None,
                    list(zip(low, high, strict=True)) if self.copies else None,
                )
            )
        return found, None

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of labels from their scores (…, K): a softmax, or a sigmoid each of several labels."""
        scaled = logits.double() / self.temperature
        return scaled.sigmoid() if self.several else scaled.softmax(-1)

    def answer(self, probabilities: Sequence[float]) -> Any:
        """The most probable label, or the list of those more probable than not."""
        if self.several:
            return [label for label, chance in zip(self.labels, probabilities, strict=True) if chance > 0.5]
        return self.labels[max(range(len(self.labels)), key=probabilities.__getitem__)]

    def score(self, gold: Sequence[Sequence[int]], predicted: Sequence[LabelProbabilities]) -> dict[str, float]:
        """Accuracy, macro-F1, and of two labels the area under the ROC curve."""
        return label_scores(gold, [each.probabilities for each in predicted], several=self.several)

    def unknown_labels(self, rows: Mapping[str, Any]) -> list[Any]:
        """Labels that training lacks: they can only be counted as wrong."""
        return sorted({label for answer in rows["label"] for label in answer} - set(self.labels), key=repr)

    def describe(self, examples: LabelledExamples, rows: Sequence[int]) -> str:
        """The first words of the first text of a batch."""
        words = examples.texts[rows[0]]
        return repr(" ".join(words[:8]) + (" …" if len(words) > 8 else ""))

    @staticmethod
    def asset_names(config: ClassificationConfig) -> list[str]:
        """The names of the files that ``assets`` gives."""
        reads_words = config.unit == "word" and not config.lm
        names = ["labels.json", "calibration.json"]
        names += WordReader.asset_names if reads_words else ("tokenizer.json", *TokenReader.asset_names)
        return [*names, *["ngrams.json"] * (config.ngrams > 0), *["language_model.json"] * (config.lm is not None)]

    def assets(self) -> dict[str, str]:
        """The files that, with the weights and the configuration, make the classifier."""
        labels = {"labels": self.labels, "several": self.several, "prior": self.prior}
        assets = {"tokenizer.json": self.tokenizer.to_json(), **self.reader.assets(), **self.calibration()}
        assets["labels.json"] = json.dumps(labels, ensure_ascii=False, indent=1)
        if self.ngrams is not None:
            assets["ngrams.json"] = self.ngrams.to_json()
        if self.language_model:
            assets["language_model.json"] = json.dumps(asdict(self.language_model), indent=1)
        return assets

    def calibration(self) -> dict[str, str]:
        """The file that holds the temperature."""
        return {"calibration.json": json.dumps({"temperature": self.temperature})}

    @classmethod
    def restored(cls, config: ClassificationConfig, assets: Mapping[str, str]) -> "ClassificationTask":
        """The classifier that ``assets`` describe, before its weights are loaded."""
        saved = json.loads(assets["labels.json"])
        reads_words = "pieces.json" not in assets
        reader: WordReader | TokenReader = (WordReader if reads_words else TokenReader).restored(assets)
        task = cls(
            config,
            tokenizer=reader.tokenizer
            if isinstance(reader, WordReader)
            else WordTokenizer.from_json(assets["tokenizer.json"]),
            reader=reader,
            ngrams=NgramVocabulary.from_json(assets["ngrams.json"]) if config.ngrams else None,
            labels=saved["labels"],
            several=saved["several"],
            prior=saved["prior"],
            language_model=LanguageModelConfig(**json.loads(assets["language_model.json"])) if config.lm else None,
        )
        task.temperature = json.loads(assets["calibration.json"])["temperature"]
        return task


class SentimentTask(ClassificationTask):
    """The same under the name of what it is mostly used for."""

    name = "sentiment"


def _labels_of(config: ClassificationConfig, rows: Mapping[str, Any]) -> tuple[list[Any], Counter[Any]]:
    """The labels of training, sorted, and how many texts have each."""
    counts = Counter(label for answer in rows["label"] for label in answer)
    labels = sorted(counts, key=lambda label: (type(label).__name__, label))
    if config.balanced_sampling and rows["several"]:
        raise ConfigError("balanced_sampling is for texts with one label each; try class_weights=balanced")
    if len(labels) < (1 if rows["several"] else 2):
        only = f"every text is {labels[0]!r}" if labels else "no text has a label"
        raise CorpusError(f"there is nothing to tell apart in the training split: {only}; add texts of another label")
    return labels, counts


def _vocabulary(reader: WordReader | TokenReader) -> WordVocabularies | int:
    """Return the sizes that an encoder needs of a reader's vocabularies."""
    if isinstance(reader, WordReader):
        return WordVocabularies(torch.tensor(reader.singletons), len(reader.characters), len(reader.affixes))
    return len(reader.tokenizer)


def _words(tokenizer: WordTokenizer, texts: Sequence[str]) -> list[list[str]]:
    return [[token.text for token in tokens] for tokens in tokenizer.tokenize_batch(texts)]
