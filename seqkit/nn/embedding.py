"""Embedding tables that say how they are read."""

from torch import nn

__all__ = ["Embedding"]


class Embedding(nn.Embedding):
    """``nn.Embedding`` with a statement of whether its gradient may be sparse.

    Args:
        num_embeddings: number of rows.
        embedding_dim: width of a row.
        padding_idx: index of the row that never gets a gradient, if any.
        sparse_gradient: whether an optimizer may turn on sparse gradients if the table is large. They hold only the
            rows of a batch, and lazy updates then leave all other rows as they are. This is wrong for a table that is
            also used as a whole, such as one tied to output weights.

    >>> Embedding(10, 3).sparse_gradient, Embedding(10, 3, sparse_gradient=False).sparse_gradient
    (True, False)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, padding_idx: int | None = None, sparse_gradient: bool = True
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx=padding_idx)
        self.sparse_gradient = sparse_gradient
