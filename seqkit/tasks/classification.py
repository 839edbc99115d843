"""Classification: one label, or several, for a whole text.

A training text and its features::

    {"text": "Not bad at all!", "label": "positive"}
        words      Not bad at all !     each with its index, spelling, shape and affixes
        n-grams    not · bad · at · all · ! · not bad · bad at · at all · all !
        label      positive → 1

The predicted probabilities of a text without a word are the label frequencies of the training data.

Shapes: B batch, C copies of a text, K labels, X n-grams of all texts of a batch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from seqkit.batches.batch import Batch, integers
from seqkit.batches.labelled_examples import LabelledExamples
from seqkit.batches.samplers import BucketSampler, in_order, length_sorted_batches
from seqkit.batches.token_examples import TokenExamples, TokenReader
from seqkit.batches.word_examples import WordExamples, WordReader, read_word_vectors
from seqkit.config.classification import ClassificationConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.training import TrainConfig
from seqkit.data.labelled_rows import Label, LabelledRows
from seqkit.errors import ConfigError, setting_ref
from seqkit.metrics.labels import label_scores
from seqkit.metrics.metric import LABEL_METRICS, LOG_LOSS, Metric
from seqkit.models.classification_loss import LabelLoss, class_weights
from seqkit.models.classifier import ClassificationModel, LabelScores
from seqkit.models.text_encoders import (
    LanguageModelEncoder,
    PretrainedEncoder,
    WordEncoder,
    WordVocabularies,
    text_encoder,
)
from seqkit.tasks.label_prediction import LabelPrediction
from seqkit.tasks.training_labels import check_saved, count_labels
from seqkit.text.ngrams import NgramVocabulary
from seqkit.text.words import WordTokenizer

__all__ = ["ClassificationTask"]

EMPTY_TEXT = [""]  # the words of a text without a word, since no example of a batch may be empty
COUNTED, COUNTED_BEYOND = 100, 8  # towards the size of a batch count the first 100 tokens of a text, then every eighth
MIN_STEPS = 20  # batches in an epoch, if there are as many texts


class ClassificationTask:
    """Text classification.

    Args:
        config: the settings of the model.
        tokenizer: splits raw text into words, for the n-grams.
        reader: the vocabularies of the encoder's input.
        ngrams: the known n-grams; None without the n-gram branch.
        labels: the labels, in their own type.
        multi_label: whether a text may have several labels, or none.
        prior: the frequency of each label in the training data.
        language_model: the settings of the language model that the encoder starts from, if any.

    Attributes:
        temperature: the divisor of the logits that calibrates the probabilities; 1 before calibration.
    """

    metrics: ClassVar[Sequence[Metric]] = LABEL_METRICS
    tie_breaker: ClassVar[Metric | None] = LOG_LOSS

    def __init__(
        self,
        config: ClassificationConfig,
        *,
        tokenizer: WordTokenizer,
        reader: WordReader | TokenReader,
        ngrams: NgramVocabulary | None,
        labels: Sequence[Label],
        multi_label: bool,
        prior: Sequence[float],
        language_model: LanguageModelConfig | None = None,
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.reader = reader
        self.ngrams = ngrams
        self.labels = list(labels)
        self.multi_label = multi_label
        self.prior = list(prior)
        self.temperature = 1.0
        self.language_model = language_model
        self.label_loss = LabelLoss(
            class_weights(config, self.labels, self.prior),
            multi_label=multi_label,
            label_smoothing=config.label_smoothing,
            focal_gamma=config.focal_gamma,
        )
        encoder = text_encoder(config, _vocabulary(reader), language_model)
        self.model = ClassificationModel(
            config, encoder, ngrams=0 if ngrams is None else len(ngrams), labels=len(self.labels)
        )

    @classmethod
    def from_rows(
        cls, config: ClassificationConfig, rows: LabelledRows, pretrained: PretrainedEncoder | None = None
    ) -> tuple[Self, LabelledExamples]:
        """Build a task with the vocabularies and labels of training rows; return it and these rows as examples.

        Args:
            config: the settings of the model.
            rows: texts, the labels of each, and whether a text may have several.
            pretrained: the language model that ``config.lm`` names, if any.

        Raises:
            ConfigError, CorpusError: if settings do not fit each other or the labels; if there are too few labels.
        """
        tokenizer = WordTokenizer()
        tokens = tokenizer.split_batch(rows["text"])
        labels, counts = count_labels(
            rows["label"], multi_label=rows["multi_label"], balanced_sampling=config.balanced_sampling
        )
        if config.vectors and (config.lm or config.unit != "word"):
            bpe = setting_ref("unit", "bpe")
            raise ConfigError(f"pretrained vectors are for words: leave them out with a language model or with {bpe}")
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
            multi_label=rows["multi_label"],
            prior=[counts[label] / len(tokens) for label in labels],
            language_model=None if pretrained is None else pretrained.config,
        )
        gold = task._gold(rows["label"])
        task._initialize_encoder(vectors, pretrained)
        task._initialize_as_naive_bayes(tokens, gold)
        return task, task._examples(rows["text"], tokens, gold)

    def _initialize_as_naive_bayes(self, tokens: Sequence[Sequence[str]], gold: Sequence[Sequence[int]]) -> None:
        if self.ngrams is None or self.model.ngrams is None or not self.config.naive_bayes:
            return
        ratios_GK = torch.from_numpy(self.ngrams.log_count_ratios(tokens, gold, len(self.labels)))
        self.model.ngrams.adopt(self.config.naive_bayes * ratios_GK)

    def _initialize_encoder(self, vectors: Mapping[str, Tensor], pretrained: PretrainedEncoder | None) -> None:
        encoder = self.model.encoder
        if isinstance(encoder, WordEncoder):
            encoder.features.adopt(vectors, self.tokenizer.words)
        elif isinstance(encoder, LanguageModelEncoder):
            assert pretrained is not None
            encoder.adopt(pretrained.networks)

    @property
    def parameter_groups(self) -> list[str]:
        """Prefixes of the parameters of the n-grams, and of the embedding and each layer of a language model."""
        return ["ngrams.", *(f"encoder.{part}" for part in self._depths())]

    def _depths(self) -> dict[str, int]:
        """Return the number of layers above each part of a language model."""
        encoder = self.model.encoder
        return encoder.depths() if isinstance(encoder, LanguageModelEncoder) else {}

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return the factor of the learning rate of a parameter group.

        The layers of a language model are unfrozen one after the other, from the top (gradual unfreezing), and lower
        layers have lower rates (discriminative fine-tuning; Howard and Ruder 2018, sections 3.2 and 3.3).
        """
        if group == "ngrams.":
            return self.config.ngram_rate
        if group == "":
            return 1.0
        depth = self._depths()[group.removeprefix("encoder.")]
        frozen = epoch < self.config.unfreeze_epochs * (depth + 1)
        return 0.0 if frozen else self.config.lm_rate / self.config.lm_rate_decay**depth

    def prepare(self, rows: LabelledRows) -> LabelledExamples:
        """Return rows as examples: ``text`` and, if known, ``label``, a list of labels per text."""
        gold = self._gold(rows["label"]) if "label" in rows else None
        return self._examples(rows["text"], self.tokenizer.split_batch(rows["text"]), gold)

    def _gold(self, labels: Sequence[Sequence[Label]]) -> list[list[int]]:
        indices = {label: index for index, label in enumerate(self.labels)}
        unknown = len(self.labels)  # the index of any label that does not occur in the training data: always wrong
        return [[indices.get(label, unknown) for label in answer] for answer in labels]

    def _examples(
        self, texts: Sequence[str], tokens: list[list[str]], gold: list[list[int]] | None
    ) -> LabelledExamples:
        read: WordExamples | TokenExamples
        if isinstance(self.reader, WordReader):
            read = self.reader.read([words or EMPTY_TEXT for words in tokens])
        else:
            read = self.reader.read(texts)
        return LabelledExamples(
            texts=tokens,
            read=read,
            ngrams=None if self.ngrams is None else [self.ngrams.weights(words) for words in tokens],
            empty=[not words for words in tokens],
            gold=gold,
        )

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of a text that the encoder reads and attends to."""
        return self.reader.pieces(text) or EMPTY_TEXT

    def precompute(self, examples: LabelledExamples, device: torch.device) -> LabelledExamples:
        """Return the examples with the vectors of all their spellings computed once."""
        read, encoder = examples.read, self.model.encoder
        if isinstance(read, WordExamples) and isinstance(encoder, WordEncoder):
            return replace(examples, read=read.precompute(encoder.features.spelling_vectors, device))
        return examples

    def sampler(self, examples: LabelledExamples, config: TrainConfig) -> BucketSampler:
        """Return the sampler of training batches, which are smaller if there are few texts."""
        labels = None
        if self.config.balanced_sampling and examples.gold is not None:
            labels = [answer[0] for answer in examples.gold]
        # Losses are averaged over texts, not over tokens, so a batch of long texts should contain several, too.
        lengths = [min(length, COUNTED) + max(0, length - COUNTED) // COUNTED_BEYOND for length in examples.lengths]
        batch_tokens = min(config.batch_tokens, max(max(lengths), sum(lengths) // MIN_STEPS))
        return BucketSampler(lengths=lengths, batch_tokens=batch_tokens, seed=config.seed, labels=labels)

    def batches(self, examples: LabelledExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return the examples of each batch of a prediction."""
        return length_sorted_batches(examples.lengths, max(1, batch_tokens))

    def merge(
        self,
        examples: LabelledExamples,
        batches: Sequence[Sequence[int]],
        predictions: Sequence[list[LabelPrediction]],
    ) -> list[LabelPrediction]:
        """Return the predictions of all batches in the order of the examples."""
        return in_order(batches, predictions)

    def collate(self, examples: LabelledExamples, index: Sequence[int]) -> Batch:
        """Return a batch of some examples, in the order given."""
        inputs, shared = examples.read.tensors(index)
        inputs["empty_B"] = torch.tensor([examples.empty[row] for row in index])
        if examples.ngrams is not None:
            chosen = [examples.ngrams[row] for row in index]
            counts_B = torch.tensor([len(ids) for ids, _ in chosen])
            shared["ngrams_X"] = torch.from_numpy(np.concatenate([ids for ids, _ in chosen]))
            shared["weights_X"] = torch.from_numpy(np.concatenate([weights for _, weights in chosen]))
            shared["rows_X"] = torch.arange(len(chosen)).repeat_interleave(counts_B)
        return Batch(
            inputs=inputs,
            lengths=examples.read.ragged.lengths[torch.as_tensor(index)],
            targets=None if examples.gold is None else self._targets([examples.gold[row] for row in index]),
            shared=shared,
        )

    def _targets(self, gold: Sequence[Sequence[int]]) -> Tensor:
        """Return label indices (B,) or, if a text may have several labels, a 0 or 1 for each label (B, K)."""
        if not self.multi_label:
            return integers([answer[0] for answer in gold])
        right_BK = torch.zeros(len(gold), len(self.labels))
        for row, answer in enumerate(gold):
            right_BK[row, [index for index in answer if index < len(self.labels)]] = 1.0
        return right_BK

    def loss(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[Tensor, None]:
        """Return the loss of the summed scores plus a fraction of each branch's own loss; there is no carry."""
        assert batch.targets is not None
        scores: LabelScores = self.model(batch)
        loss = self.label_loss(scores.scores_BK, batch.targets)
        for scores_BK in scores.branches:
            loss = loss + self.config.branch_loss * self.label_loss(scores_BK, batch.targets)
        return loss, None

    def predict(self, batch: Batch, carry: list[Tensor] | None = None) -> tuple[list[LabelPrediction], None]:
        """Return the label probabilities of each text of a batch, at the calibrated temperature."""
        scores: LabelScores = self.model(batch)
        logits_BK = scores.scores_BK.float()
        attention = self.attention(scores, copies=1)
        rows = zip(
            batch.inputs["empty_B"].tolist(),
            batch.lengths.tolist(),
            logits_BK.tolist(),
            self.probabilities(logits_BK).tolist(),
            strict=True,
        )
        return [
            LabelPrediction(
                probabilities=self.prior if empty else probabilities,
                logits=logits,
                empty=empty,
                attention=None if attention is None else attention[row][:length],
            )
            for row, (empty, length, logits, probabilities) in enumerate(rows)
        ], None

    def attention(self, scores: LabelScores, *, copies: int) -> list[list[float]] | None:
        """Return the attention weights of each text, averaged over its ``copies``; None without attention pooling."""
        if scores.attention_BT is None:
            return None
        attention_BCT = scores.attention_BT.view(-1, copies, scores.attention_BT.shape[1])
        weights: list[list[float]] = attention_BCT.mean(1).tolist()
        return weights

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probabilities of labels from their logits (…, K): a softmax, or a sigmoid for each label."""
        scaled = logits.double() / self.temperature
        return scaled.sigmoid() if self.multi_label else scaled.softmax(-1)

    def answer(self, probabilities: Sequence[float]) -> Label | list[Label]:
        """Return the most probable label, or, if a text may have several, the list of its labels."""
        labels = self.predicted_labels(probabilities)
        return labels if self.multi_label else labels[0]

    def predicted_labels(self, probabilities: Sequence[float]) -> list[Label]:
        """Return the most probable label, or all labels with a probability above 1/2, as a list."""
        if self.multi_label:
            return [label for label, chance in zip(self.labels, probabilities, strict=True) if chance > 0.5]
        return [self.labels[max(range(len(self.labels)), key=probabilities.__getitem__)]]

    def score(self, examples: LabelledExamples, predictions: Sequence[LabelPrediction]) -> dict[str, float]:
        """Return accuracy, macro-F1, log loss and, for two labels, the area under the ROC curve."""
        probabilities = [each.probabilities for each in predictions]
        return label_scores(examples.gold or [], probabilities, multi_label=self.multi_label)

    def unknown_labels(self, rows: LabelledRows) -> list[Label]:
        """Return the labels that do not occur in the training data and can only be counted as wrong."""
        return sorted({label for answer in rows["label"] for label in answer} - set(self.labels), key=repr)

    def describe(self, examples: LabelledExamples, index: Sequence[int]) -> str:
        """Return the first words of the first text of a batch."""
        words = examples.texts[index[0]]
        return repr(" ".join(words[:8]) + (" …" if len(words) > 8 else ""))

    def assets(self) -> dict[str, str]:
        """Return the files that make the classifier together with its weights and settings."""
        labels = {"labels": self.labels, "several": self.multi_label, "prior": self.prior}
        assets = {"tokenizer.json": self.tokenizer.to_json(), **self.reader.assets(), **self.calibration()}
        assets["labels.json"] = json.dumps(labels, ensure_ascii=False, indent=1)
        if self.ngrams is not None:
            assets["ngrams.json"] = self.ngrams.to_json()
        if self.language_model:
            assets["language_model.json"] = json.dumps(asdict(self.language_model), indent=1)
        return assets

    def calibration(self) -> dict[str, str]:
        """Return the file that contains the temperature."""
        return {"calibration.json": json.dumps({"temperature": self.temperature})}

    @classmethod
    def restored(cls, config: ClassificationConfig, read: Callable[[str], str]) -> Self:
        """Return the classifier whose files the function ``read`` returns by name, before its weights are loaded."""
        saved, temperature = json.loads(read("labels.json")), json.loads(read("calibration.json"))["temperature"]
        check_saved(saved, temperature)
        reader: WordReader | TokenReader
        if config.unit == "word" and not config.lm:
            reader = WordReader.restored(read)
            tokenizer = reader.tokenizer
        else:
            reader = TokenReader.restored(read)
            tokenizer = WordTokenizer.from_json(read("tokenizer.json"))
        task = cls(
            config,
            tokenizer=tokenizer,
            reader=reader,
            ngrams=NgramVocabulary.from_json(read("ngrams.json")) if config.ngrams else None,
            labels=saved["labels"],
            multi_label=saved["several"],
            prior=saved["prior"],
            language_model=LanguageModelConfig(**json.loads(read("language_model.json"))) if config.lm else None,
        )
        task.temperature = temperature
        return task


def _vocabulary(reader: WordReader | TokenReader) -> WordVocabularies | int:
    """Return the sizes that an encoder needs of a reader's vocabularies."""
    if isinstance(reader, WordReader):
        return WordVocabularies(torch.tensor(reader.singletons), len(reader.characters), len(reader.affixes))
    return len(reader.tokenizer)
