"""The network of a forecaster.

segments → linear layer → recurrent encoder → one further step for each segment of the horizon → linear layer → head

Direct forecasts follow SegRNN (Lin et al. 2023): a step reads a whole segment, and every segment of the horizon is
decoded at once, in one step from the encoder's last state whose input is an embedding of the segment's position.
Recursive forecasts are those of a language model for numbers: each step predicts the next segment, which is fed back.

What the network returns is the difference from a reference, such as the seasonal naive forecast. Its last layer begins
with zeros, so that an untrained network forecasts the reference.

Shapes: B batch, S segments of the context, J segments of the horizon, W points of a segment, H horizon, C channels of a
point, F features known ahead, D hidden width, P outputs of a point, X width of a segment's input.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.cells.state import Carry, map_state
from seqkit.config.forecasting import ForecastConfig
from seqkit.models.forecast_heads import MEDIAN, ForecastHead, make_head
from seqkit.nn.dropout import Dropout
from seqkit.nn.recurrent import RecurrentEncoder

__all__ = ["ForecastNetwork", "Forecasts"]


class Forecasts(NamedTuple):
    """Forecasts in scaled units.

    Attributes:
        outputs_BHP: what the head reads.
        reference_BH: what the forecasts are relative to.
    """

    outputs_BHP: Tensor
    reference_BH: Tensor


class ForecastNetwork(nn.Module):
    """Forecasts the points after a window, in scaled units and relative to a reference.

    Args:
        config: the settings, resolved.
        channels: channels C of a point: its value, whether it was observed, and features.
        known: features F known ahead; they are among the channels, too.
        series: number of series that have an embedding.
    """

    def __init__(self, config: ForecastConfig, *, channels: int, known: int, series: int) -> None:
        super().__init__()
        self.config = config
        self.head: ForecastHead = make_head(config.head, delta=config.delta)
        width, segment = config.hidden_size, config.segment
        ahead = segment * known
        self.input = nn.Linear(segment * channels + (ahead if config.multistep == "recursive" else 0), width)
        self.input_dropout = Dropout(config.dropout)
        self.encoder = RecurrentEncoder(
            width, width, num_layers=config.num_layers, dropout=config.dropout, cell=config.cell
        )
        self.output_dropout = Dropout(config.dropout)
        self.output = nn.Linear(width, segment * self.head.outputs)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.series: nn.Sequential | None = None
        if config.series_size:
            # Number 0 is a series that was not trained on: as if there were no embedding.
            embedding = nn.Embedding(series + 1, config.series_size, padding_idx=0)
            self.series = nn.Sequential(embedding, nn.Linear(config.series_size, width, bias=False))
        if config.multistep == "direct":
            self.positions = nn.Parameter(0.1 * torch.randn(-(-config.horizon // segment), width))
            self.known = nn.Linear(ahead, width) if ahead else None

    def forward(self, batch: Batch) -> Forecasts:
        """Forecast the points of the horizon."""
        return self._direct(batch) if self.config.multistep == "direct" else self._recursive(batch)

    def teacher_forced(self, batch: Batch) -> Forecasts:
        """Forecast, in training, what the targets of a batch are: direct forecasts, or the point after each step."""
        if self.config.multistep == "direct":
            return self._direct(batch)
        states_BSD, _ = self.encode(batch.inputs["segments_BSX"], batch.lengths)
        return Forecasts(self.outputs(states_BSD).flatten(1, 2), batch.inputs["reference_BH"])

    def encode(self, segments_BSX: Tensor, lengths_B: Tensor, carry: Carry | None = None) -> tuple[Tensor, Carry]:
        """Return the states after each segment, (B, S, D), and the state after the last.

        Args:
            segments_BSX: the inputs of the segments.
            lengths_B: the number of segments of each row.
            carry: the state to start from.
        """
        vectors_BSD = self.input_dropout(torch.relu(self.input(segments_BSX)))
        start = self.encoder.initial_carry(len(vectors_BSD)) if carry is None else carry
        encoded = self.encoder(vectors_BSD, lengths_B, start)
        assert encoded.carry is not None
        return encoded.states_BTH, encoded.carry

    def outputs(self, states_D: Tensor) -> Tensor:
        """Return the outputs of the points of a segment, (…, W, P), given a state (…, D)."""
        outputs: Tensor = self.output(self.output_dropout(states_D))
        return outputs.reshape(*outputs.shape[:-1], self.config.segment, self.head.outputs)

    def _direct(self, batch: Batch) -> Forecasts:
        _, carry = self.encode(batch.inputs["segments_BSX"], batch.lengths)
        queries_BJD = self.positions.expand(len(batch.lengths), -1, -1)
        if self.known is not None:
            queries_BJD = queries_BJD + self.known(batch.inputs["known_BJX"])
        if self.series is not None:
            queries_BJD = queries_BJD + self.series(batch.inputs["series_B"])[:, None]
        rows, steps = queries_BJD.shape[:2]
        carry = map_state(carry, lambda part: part.repeat_interleave(steps, dim=1))
        once = torch.ones(rows * steps, dtype=torch.int64)
        states_BJD = self.encoder(queries_BJD.flatten(0, 1)[:, None], once, carry, ends=False).final_BH
        outputs_BJWP = self.outputs(states_BJD.unflatten(0, (rows, steps)))
        outputs_BHP = outputs_BJWP.flatten(1, 2)[:, : self.config.horizon]
        return Forecasts(outputs_BHP, batch.inputs["reference_BH"])

    def _recursive(self, batch: Batch) -> Forecasts:
        """Forecast segment after segment, each from the median of the one before it."""
        lagged_BM, covariates_BJX = batch.inputs["lagged_BM"], batch.inputs["covariates_BJX"]
        states_BSD, carry = self.encode(batch.inputs["segments_BSX"], batch.lengths)
        rows_B, last_B = torch.arange(len(batch.lengths)), batch.lengths - 1
        state_BD = states_BSD[rows_B.to(states_BSD.device), last_B.to(states_BSD.device)]
        once = torch.ones_like(batch.lengths)
        outputs, references = [], []
        for step in range(covariates_BJX.shape[1] + 1):
            outputs.append(self.outputs(state_BD))
            references.append(self.reference(lagged_BM))
            if step < covariates_BJX.shape[1]:
                values_BW = references[-1] + self.head.quantiles(outputs[-1])[..., MEDIAN]
                lagged_BM = torch.cat([lagged_BM, values_BW], dim=1)[:, -lagged_BM.shape[1] :]
                inputs_BX = torch.cat([values_BW, torch.ones_like(values_BW), covariates_BJX[:, step]], dim=1)
                states_B1D, carry = self.encode(inputs_BX[:, None], once, carry)
                state_BD = states_B1D[:, 0]
        horizon = self.config.horizon
        return Forecasts(torch.cat(outputs, dim=1)[:, :horizon], torch.cat(references, dim=1)[:, :horizon])

    def reference(self, lagged_BM: Tensor) -> Tensor:
        """Return the reference of the next segment (B, W), given the scaled values before it, in order (B, M)."""
        segment = self.config.segment
        if self.config.reference == "seasonal":
            season = min(self.config.season, lagged_BM.shape[1])
            last_season = lagged_BM[:, -season:]
            return last_season.repeat(1, -(-segment // season))[:, :segment]
        if self.config.reference == "last":
            return lagged_BM[:, -1:].expand(-1, segment)
        return torch.zeros_like(lagged_BM[:, :1]).expand(-1, segment)
