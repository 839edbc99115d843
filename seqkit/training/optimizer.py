"""What a training step does with gradients: clip them, follow them, and at which rate.

The gradient of a large embedding table is kept as the rows that a batch holds. Clipping, the optimiser and the weight
average then touch these rows alone, however large the vocabulary: of 100 columns, a table of 100,000 rows costs 2 ms a
step instead of 10. A small table is cheaper as a whole (10,000 rows: 1.3 ms against 1.6), and learns better: dense
AdamW moves a row on after the batches that hold it, while it forgets their gradients.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.config.training import TrainConfig
from seqkit.nn.embedding import Embedding

__all__ = ["LARGE_TABLE", "Optimizer", "learning_rate_share"]

LARGE_TABLE = 20_000  # rows, from which on sparse gradients are the cheaper ones


class Optimizer:
    """The optimiser of a training: AdamW or SGD, and for large embedding tables lazy Adam.

    AdamW (Loshchilov and Hutter 2019) is PyTorch's fused one. Lazy Adam is ``torch.optim.SparseAdam``: a row's moments
    change when a batch holds the row, and it knows neither momentum nor weight decay. SGD takes all gradients densely.

    Args:
        model: the model, on its device; its large embedding tables give sparse gradients from now on.
        config: how to train.
        parts_of_model: beginnings of parameter names that can have a rate of their own; the longest that fits counts.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = Optimizer(layer, TrainConfig(learning_rate=0.1))
    >>> layer(torch.ones(1, 2)).sum().backward()
    >>> round(optimizer.clip(), 3)
    1.732
    >>> optimizer.step()
    """

    def __init__(self, model: nn.Module, config: TrainConfig, parts_of_model: Sequence[str] = ()) -> None:
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.clip_norm = config.clip_norm or math.inf
        tables = _large_tables(model) if config.optimizer == "adamw" else []
        chosen = {id(table) for table in tables}
        # Decay is for matrices: biases and the CRF's transitions are few and have no reason to shrink.
        named = [
            (name, parameter)
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and id(parameter) not in chosen
        ]
        groups: dict[tuple[str, bool], dict[str, Any]] = {}
        for name, parameter in named:
            part = _part(name, parts_of_model)
            decayed = name.split(".")[-1].startswith("weight")
            new = {"params": [], "part": part, "weight_decay": config.weight_decay if decayed else 0.0}
            groups.setdefault((part, decayed), new)["params"].append(parameter)
        ordered = list(groups.values())  # as the model has its parameters: a saved state goes by their numbers
        self.parts: list[torch.optim.Optimizer] = []
        if config.optimizer == "sgd":
            self.parts.append(torch.optim.SGD(ordered, lr=config.learning_rate, momentum=config.momentum))
        else:
            self.parts.append(torch.optim.AdamW(ordered, lr=config.learning_rate, fused=True))
        if tables:
            # No momentum: dense Adam moves a row on for some ten steps after a batch that holds it, 1 / (1 - β₁) times
            # as far as the first of them, which is all that a lazy step would be. Without β₁ it goes there at once.
            sparse = [
                {"params": [parameter], "part": _part(name, parts_of_model)}
                for name, parameter in model.named_parameters()
                if id(parameter) in chosen
            ]
            self.parts.append(torch.optim.SparseAdam(sparse, lr=config.learning_rate, betas=(0.0, 0.999)))

    def set_learning_rate(self, rate: float, share_of: Callable[[str], float] | None = None) -> None:
        """Set the rate of the next steps; ``share_of`` tells what it is multiplied by in a part of the model."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * (share_of(group["part"]) if share_of else 1.0)

    def clip(self) -> float:
        """Scale all gradients down to the largest norm allowed; returns the norm they had together."""
        for parameter in self.parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
        values = [_values(parameter.grad) for parameter in self.parameters if parameter.grad is not None]
        norm = float(nn.utils.get_total_norm(values))
        if self.clip_norm < norm < math.inf:
            torch._foreach_mul_(values, self.clip_norm / (norm + 1e-6))
        return norm

    def step(self) -> None:
        """Follow the gradients, and forget them."""
        for part in self.parts:
            part.step()
            part.zero_grad(set_to_none=True)

    def state_tensors(self) -> dict[str, Tensor]:
        """Everything it remembers, by name."""
        tensors = {}
        for number, part in enumerate(self.parts):
            for index, slots in part.state_dict()["state"].items():
                for slot, value in slots.items():
                    if value is not None:
                        tensors[f"{number}.{index}.{slot}"] = torch.as_tensor(value)
        return tensors

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Remember what ``state_tensors`` gave."""
        for number, part in enumerate(self.parts):
            slots: dict[int, dict[str, Any]] = {}
            for name, tensor in tensors.items():
                place, index, slot = name.split(".", 2)
                if int(place) == number:
                    counts = slot == "step" and isinstance(part, torch.optim.SparseAdam)  # a plain number there
                    slots.setdefault(int(index), {})[slot] = int(tensor) if counts else tensor
            part.load_state_dict({**part.state_dict(), "state": slots})


def _large_tables(model: nn.Module) -> list[Tensor]:
    """The large embedding tables, told to give sparse gradients."""
    tables: list[Tensor] = []
    for module in model.modules():
        if not isinstance(module, Embedding) or not module.sparse_gradient or not module.weight.requires_grad:
            continue
        # Apple's MPS has no sparse tensors.
        if module.num_embeddings > LARGE_TABLE and module.weight.device.type != "mps":
            module.sparse = True
            tables.append(module.weight)
    return tables


def _part(name: str, parts_of_model: Sequence[str]) -> str:
    """The part of the model that a parameter belongs to: the longest beginning of its name among them, or the rest."""
    return max((each for each in parts_of_model if name.startswith(each)), key=len, default="")


def _values(gradient: Tensor) -> Tensor:
    return gradient._values() if gradient.is_sparse else gradient


def learning_rate_share(config: TrainConfig, progress: float) -> float:
    """The share of the highest rate at a point of training: a linear rise, then a half cosine to 0, or level,
    or level for some epochs and lower by a factor in each further one.

    >>> config = TrainConfig(warmup=0.2)
    >>> [round(learning_rate_share(config, progress), 3) for progress in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < config.warmup:
        return min(max(progress, 1e-3) / config.warmup, 1.0)
    if config.schedule == "decay":
        epoch = math.floor(progress * config.epochs + 1e-9)
        return float(config.decay ** max(0, epoch + 1 - config.decay_after))
    if config.schedule != "one-cycle":
        return 1.0
    fall = (progress - config.warmup) / (1.0 - config.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * min(fall, 1.0)))
