"""The tagger's network: word features, recurrent encoder, head.

Shapes: B batch, T time, D width of word features, H width of encoder states.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from seqkit.batching import Batch
from seqkit.configs import TaggingConfig
from seqkit.embeddings import SpellingCNN, SpellingLSTM, WordFeatures
from seqkit.encoder import RecurrentEncoder
from seqkit.heads import CRFHead, SoftmaxHead
from seqkit.regularization import LockedDropout
from seqkit.tagging_schemes import Scheme, allowed_transitions
from seqkit.vocabulary import AFFIX_LENGTHS, WORD_SHAPES

__all__ = ["TaggingModel"]


class TaggingModel(nn.Module):
    """Word features → dropout → bidirectional recurrent encoder → dropout → head."""

    def __init__(
        self,
        config: TaggingConfig,
        singletons: Tensor,
        *,
        characters: int,
        affixes: int,
        labels: Sequence[str],
        scheme: Scheme | None,
    ) -> None:
        super().__init__()
        self.features = WordFeatures(
            singletons,
            word_size=config.word_size,
            spelling=_spelling_model(config, characters),
            shapes=len(WORD_SHAPES),
            shape_size=config.shape_size,
            affixes=affixes,
            affixes_of_word=len(AFFIX_LENGTHS),
            affix_size=config.affix_size,
            singleton_replacement=config.singleton_replacement,
            word_replacement=config.word_replacement,
        )
        self.input_dropout = nn.Dropout(config.input_dropout)
        self.encoder = RecurrentEncoder(
            self.features.output_size,
            config.hidden_size,
            num_layers=config.num_layers,
            bidirectional=True,
            dropout=config.state_dropout,
            cell=config.cell,
        )
        self.state_dropout = LockedDropout(config.state_dropout)
        self.head: CRFHead | SoftmaxHead
        if config.head == "softmax":
            self.head = SoftmaxHead(self.encoder.output_size, len(labels))
        else:
            can_start, can_follow, can_end = allowed_transitions(labels, scheme)
            self.head = CRFHead(
                self.encoder.output_size, len(labels), can_start=can_start, can_follow=can_follow, can_end=can_end
            )

    def forward(self, batch: Batch) -> Tensor:
        """Encoder states (B, T, H) of a batch."""
        vectors_BTD = self.input_dropout(self.features(**batch.inputs))
        states_BTH: Tensor = self.encoder(vectors_BTD, batch.lengths).states_BTH
        dropped_BTH: Tensor = self.state_dropout(states_BTH)
        return dropped_BTH


def _spelling_model(config: TaggingConfig, characters: int) -> SpellingCNN | SpellingLSTM | None:
    if config.characters == "cnn":
        return SpellingCNN(characters, config.character_size, filters=config.character_filters)
    if config.characters == "lstm":
        return SpellingLSTM(characters, config.character_size, hidden_size=config.character_filters)
    return None
