"""The classifier's network: an encoder of texts, pooling and scores, and a linear model of n-grams.

Shapes: B batch, T time, H width of encoder states, P width of the pooled vector, K labels, G known n-grams, X n-grams
of all texts of a batch.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.config.classification import ClassificationConfig
from seqkit.models.text_encoders import LanguageModelEncoder, TokenEncoder, WordEncoder
from seqkit.nn.dropout import Dropout, LockedDropout
from seqkit.nn.embedding import Embedding
from seqkit.nn.pooling import Pooling

__all__ = ["ClassificationModel", "LabelScores"]


class LabelScores(NamedTuple):
    """Scores of labels.

    Attributes:
        scores_BK: the scores of the model: the sum of both branches.
        branches: the scores of the recurrent and of the n-gram branch; empty if there is only one branch.
        attention_BT: the attention weight of each token, if that pooling is used.
    """

    scores_BK: Tensor
    branches: list[Tensor]
    attention_BT: Tensor | None


class ClassificationModel(nn.Module):
    """Encoder → dropout → pooling → dropout → scores.

    A linear model of n-grams, as in fastText and n-gram baselines (Joulin et al. 2017; Wang and Manning 2012), adds its
    scores. It learns from fewer texts if a few words of a text decide on its label.

    Args:
        config: pooling and dropouts.
        encoder: the encoder of the texts.
        ngrams: number G of known n-grams; 0 leaves this branch out.
        labels: number of labels K.
    """

    def __init__(
        self,
        config: ClassificationConfig,
        encoder: WordEncoder | TokenEncoder | LanguageModelEncoder,
        *,
        ngrams: int,
        labels: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.state_dropout = LockedDropout(config.state_dropout)
        self.pooling = Pooling(config.pooling, encoder.output_size)
        self.pooled_dropout = Dropout(config.state_dropout)
        self.scores = nn.Linear(self.pooling.output_size, labels)
        self.ngrams = NgramScores(ngrams, labels, config.ngram_dropout) if ngrams else None

    def forward(self, batch: Batch) -> LabelScores:
        """Return the scores of the labels for each text of a batch."""
        inputs = batch.tensors
        states_BTH, final_BH = self.encoder(inputs, batch.lengths)
        pooled_BP, attention_BT = self.pooling(self.state_dropout(states_BTH), final_BH, batch.mask)
        recurrent_BK = self.scores(self.pooled_dropout(pooled_BP))
        if self.ngrams is None:
            return LabelScores(recurrent_BK, [], attention_BT)
        ngrams_BK = self.ngrams(inputs["ngrams_X"], inputs["weights_X"], inputs["rows_X"], len(batch.lengths))
        return LabelScores(recurrent_BK + ngrams_BK, [recurrent_BK, ngrams_BK], attention_BT)


class NgramScores(nn.Module):
    """Scores of labels from weighted n-grams: a table with a row of scores for each n-gram.

    Args:
        ngrams: number G of n-grams.
        labels: number of labels K.
        dropout: share of n-grams dropped, in training only.
    """

    def __init__(self, ngrams: int, labels: int, dropout: float) -> None:
        super().__init__()
        # Dense, because with few columns momentum should also move rows that are not in a batch.
        self.table = Embedding(ngrams, labels, sparse_gradient=False)
        nn.init.zeros_(self.table.weight)
        self.dropout = Dropout(dropout)

    @torch.no_grad()
    def adopt(self, scores_GK: Tensor) -> None:
        """Initialise the scores of each n-gram."""
        self.table.weight.copy_(scores_GK)

    def forward(self, ngrams_X: Tensor, weights_X: Tensor, rows_X: Tensor, rows: int) -> Tensor:
        """Return the scores (B, K) of n-grams, given the weight of each and the row of the text it belongs to."""
        weighted_XK = self.table(ngrams_X) * self.dropout(weights_X)[:, None]
        scores_BK: Tensor = weighted_XK.new_zeros(rows, weighted_XK.shape[1]).index_add(0, rows_X, weighted_XK)
        return scores_BK
