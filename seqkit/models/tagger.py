"""The tagger's network: word features, recurrent encoder, head.

Shapes: B batch, T time, D width of word features, C width of a language model's states, H width of encoder states.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.config.tagging import TaggingConfig
from seqkit.errors import ConfigError, setting_ref
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.models.tagging_heads import CRFHead, SoftmaxHead, TaggingHead
from seqkit.nn.dropout import Dropout, LockedDropout
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.nn.word_features import word_features
from seqkit.text.tagging_schemes import Scheme, allowed_transitions

__all__ = ["TaggingModel", "label_weights"]


class TaggingModel(nn.Module):
    """Word features → dropout → bidirectional recurrent encoder → dropout → head.

    The states of a language model, if there is one, are projected and concatenated with the features.

    Args:
        config: sizes and dropouts.
        singletons: for each entry of the word vocabulary, whether it occurs once in the training data.
        characters: size of the character vocabulary.
        affixes: size of the affix vocabulary.
        labels: the labels.
        scheme: the tagging scheme of the labels; None for plain tags.
        contextual: a language model whose states are features of words.
    """

    def __init__(
        self,
        config: TaggingConfig,
        singletons: Tensor,
        *,
        characters: int,
        affixes: int,
        labels: Sequence[str],
        scheme: Scheme | None,
        contextual: ContextualStates | None = None,
    ) -> None:
        super().__init__()
        self.features = word_features(config, singletons, characters=characters, affixes=affixes)
        self.input_dropout = Dropout(config.input_dropout)
        self.contextual = contextual
        self.projection = nn.Linear(contextual.output_size, config.lm_size) if contextual else None
        self.encoder = RecurrentEncoder(
            self.features.output_size + (config.lm_size if contextual else 0),
            config.hidden_size,
            num_layers=config.num_layers,
            bidirectional=True,
            dropout=config.state_dropout,
            cell=config.cell,
        )
        self.state_dropout = LockedDropout(config.state_dropout)
        self.head = _head(config, self.encoder.output_size, labels, scheme)

    def forward(self, batch: Batch) -> Tensor:
        """Return the encoder states (B, T, H) of a batch."""
        inputs = batch.tensors
        vectors_BTD = self.features(inputs)
        if self.projection is not None:
            vectors_BTD = torch.cat([vectors_BTD, self.projection(inputs["contextual_BTC"].float())], dim=-1)
        vectors_BTD = self.input_dropout(vectors_BTD)
        states_BTH: Tensor = self.encoder(vectors_BTD, batch.lengths).states_BTH
        dropped_BTH: Tensor = self.state_dropout(states_BTH)
        return dropped_BTH


def _head(config: TaggingConfig, input_size: int, labels: Sequence[str], scheme: Scheme | None) -> TaggingHead:
    weights, smoothing = label_weights(config, labels, scheme), config.label_smoothing
    if config.head == "softmax":
        return SoftmaxHead(input_size, len(labels), label_weights=weights, label_smoothing=smoothing)
    can_start, can_follow, can_end = allowed_transitions(labels, scheme)
    return CRFHead(
        input_size,
        len(labels),
        can_start=can_start,
        can_follow=can_follow,
        can_end=can_end,
        label_weights=weights,
        label_smoothing=smoothing,
    )


def label_weights(config: TaggingConfig, labels: Sequence[str], scheme: Scheme | None) -> list[float] | None:
    """Return the weight in the loss of a token of each label: that given for its tag, or else for its type, or else 1.

    Raises:
        ConfigError: if a weight is given for a name that is neither a tag nor a type.

    >>> label_weights(TaggingConfig(label_weights="LOC=2,B-LOC=3"), ["O", "B-LOC", "I-LOC"], Scheme.IOB2)
    [1.0, 3.0, 2.0]
    """
    weights = config.label_weights_by_name()
    if not weights:
        return None
    types = [label[2:] if scheme else label for label in labels]
    if unknown := sorted(weights.keys() - {*labels, *types}):
        known = ", ".join(sorted({*types, "O"} - {""}) if scheme else labels)
        raise ConfigError(f"{setting_ref('label_weights')}: the training data has no {unknown[0]!r}; there is {known}")
    return [weights.get(label, weights.get(kind, 1.0)) for label, kind in zip(labels, types, strict=True)]
