"""Monte Carlo dropout for forecasters.

Shapes: B windows, C copies of a window, H horizon, Q quantiles.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqkit.batches.batch import Batch
from seqkit.batches.forecast_examples import ForecastExamples
from seqkit.data.series.panel import Floats
from seqkit.models.forecast_heads import MEDIAN, QUANTILES
from seqkit.models.forecaster import ForecastNetwork
from seqkit.nn.dropout import drop_in_prediction
from seqkit.tasks.forecasting import ForecastingTask

__all__ = ["MonteCarloForecasts"]


class MonteCarloForecasts:
    """Quantiles of the forecasts of copies of a window that are read under dropout.

    The copies are read side by side in one batch (Gal and Ghahramani 2016). Their spread is that of the model's own
    uncertainty, without the noise of the series, so intervals from it are usually too narrow.

    Args:
        task: the forecaster.
        samples: number of copies.
    """

    def __init__(self, task: ForecastingTask, samples: int) -> None:
        self.task = task
        self.samples = samples
        model = drop_in_prediction(task.model.eval())
        assert isinstance(model, ForecastNetwork)
        self.model = model

    def precompute(self, examples: ForecastExamples, device: torch.device) -> ForecastExamples:
        """Return the examples."""
        return examples

    def batches(self, examples: ForecastExamples, batch_tokens: int) -> Sequence[Sequence[int]]:
        """Return the windows of each batch, which will contain ``samples`` copies of each."""
        return self.task.batches(examples, batch_tokens // self.samples)

    def collate(self, examples: ForecastExamples, index: Sequence[int]) -> Batch:
        """Return a batch of copies of some windows; the copies of a window are adjacent."""
        return examples.collate(index).repeated(self.samples)

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[Floats], None]:
        """Return quantiles of the sampled medians of each window, (H, Q), in scaled units."""
        found = self.model(batch)
        quantiles_XHQ = found.reference_BH[..., None] + self.model.head.quantiles(found.outputs_BHP.float())
        medians_BCH = quantiles_XHQ[..., MEDIAN].double().unflatten(0, (-1, self.samples))
        levels_Q = torch.tensor(QUANTILES, dtype=torch.float64, device=medians_BCH.device)
        return list(medians_BCH.quantile(levels_Q, dim=1).permute(1, 2, 0).cpu().numpy()), None

    def merge(
        self, examples: ForecastExamples, batches: Sequence[Sequence[int]], predictions: Sequence[list[Floats]]
    ) -> list[Floats]:
        """Return the quantiles of each window in the units of the series, in order."""
        return self.task.merge(examples, batches, predictions)
