"""Networks that say what each point of a series should be: from the points before it, or from a summary of a window.

Shapes: B rows, T time, K values of a point, J horizons, H hidden width.
"""

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.cells.state import Carry, parts_of, state_like
from seqkit.nn.dropout import Dropout
from seqkit.nn.recurrent import RecurrentEncoder

__all__ = ["Autoencoder", "NextValueModel"]


class NextValueModel(nn.Module):
    """Forecasts the next points from all points before them (Malhotra et al. 2015).

    Args:
        values: number K of values of a point.
        horizons: number J of points that are forecast at a time.
        hidden_size: hidden units of a layer.
        num_layers: number of layers.
        dropout: dropout between layers and before the output.
        cell: a name in ``seqkit.cells.table.CELLS``.
    """

    def __init__(
        self, values: int, hidden_size: int, *, horizons: int, num_layers: int, dropout: float, cell: str
    ) -> None:
        super().__init__()
        self.encoder = RecurrentEncoder(values, hidden_size, num_layers=num_layers, dropout=dropout, cell=cell)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden_size, values * horizons)

    def forward(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the forecasts at each point (B, T, J·K), and the state after the batch, without gradient.

        Args:
            batch: ``before``, the point before each point (B, T, K).
            carry: the state after the batch of which this one is the continuation, which may have more rows; None
                starts afresh.
        """
        before_BTK = batch.inputs["before"]
        start = self._start(len(before_BTK), carry)
        encoded = self.encoder(before_BTK, batch.lengths, start)
        assert encoded.carry is not None
        forecasts_BTX: Tensor = self.output(self.dropout(encoded.states_BTH))
        return forecasts_BTX, [part.detach() for part in parts_of(encoded.carry)]

    def _start(self, rows: int, carry: list[Tensor] | None) -> Carry:
        start = self.encoder.initial_carry(rows)
        if carry is None:
            return start
        return state_like(start, (part[:, :rows].contiguous() for part in carry))


class Autoencoder(nn.Module):
    """Encodes a window as the last state of an encoder, and decodes it from that (Srivastava et al. 2015).

    The decoder reads the state at each step. It writes the window from its end to its beginning, as the state still
    knows best what came last (Malhotra et al. 2016).

    Args:
        values: number K of values of a point.
        hidden_size: hidden units of a layer.
        num_layers: number of layers of the encoder, and of the decoder.
        dropout: dropout between layers and before the output.
        cell: a name in ``seqkit.cells.table.CELLS``.
    """

    def __init__(self, values: int, hidden_size: int, *, num_layers: int, dropout: float, cell: str) -> None:
        super().__init__()
        self.encoder = RecurrentEncoder(values, hidden_size, num_layers=num_layers, dropout=dropout, cell=cell)
        self.decoder = RecurrentEncoder(hidden_size, hidden_size, num_layers=num_layers, dropout=dropout, cell=cell)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden_size, values)

    def forward(self, batch: Batch) -> Tensor:
        """Return the reconstruction of each window (B, T, K); what is beyond its length has no meaning.

        Args:
            batch: ``values``, the windows (B, T, K).
        """
        values_BTK, lengths_B = batch.inputs["values"], batch.lengths
        summary_BH = self.encoder(values_BTK, lengths_B).final_BH
        steps = values_BTK.shape[1]
        states_BTH = self.decoder(summary_BH[:, None].expand(-1, steps, -1).contiguous(), lengths_B).states_BTH
        written_BTK = self.output(self.dropout(states_BTH))
        last_B1 = lengths_B.to(written_BTK.device)[:, None] - 1
        from_end_BT = (last_B1 - torch.arange(steps, device=written_BTK.device)).clamp_(min=0)
        reconstruction_BTK: Tensor = written_BTK.gather(1, from_end_BT[..., None].expand_as(written_BTK))
        return reconstruction_BTK
