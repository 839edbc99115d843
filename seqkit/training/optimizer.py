"""The optimizer: clipping, steps and learning rates.

The gradient of a large embedding table is sparse: it contains only the rows that occur in a batch. Clipping, the
optimizer and the weight average then touch only these rows, however large the vocabulary is: a table of 100,000 rows
and 100 columns costs 2 ms per step instead of 10. A small table is cheaper with dense gradients (10,000 rows: 1.3 ms
instead of 1.6), and learns better: dense AdamW keeps moving a row for some steps after it occurred in a batch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqkit.config.training import TrainConfig
from seqkit.nn.embedding import Embedding

__all__ = ["LARGE_TABLE", "Optimizer", "learning_rate_factor"]

LARGE_TABLE = 20_000  # rows; sparse gradients are cheaper for larger tables


class Optimizer:
    """AdamW or SGD for a model; with AdamW, large embedding tables are trained with lazy Adam.

    AdamW (Loshchilov and Hutter 2019) is PyTorch's fused implementation. Lazy Adam is ``torch.optim.SparseAdam``: the
    moments of a row change only when it occurs in a batch. It has neither momentum nor weight decay here. With SGD, all
    gradients are dense.

    Args:
        model: the model, on its device; with AdamW, its large embedding tables get sparse gradients from now on.
        config: the settings of training.
        parameter_groups: prefixes of the names of parameters whose learning rate can be scaled; the longest match
            counts.

    >>> layer = nn.Linear(2, 1)
    >>> optimizer = Optimizer(layer, TrainConfig(learning_rate=0.1))
    >>> layer(torch.ones(1, 2)).sum().backward()
    >>> round(float(optimizer.clip()), 3)
    1.732
    >>> optimizer.step()
    """

    def __init__(self, model: nn.Module, config: TrainConfig, parameter_groups: Sequence[str] = ()) -> None:
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.clip_norm = config.clip_norm or math.inf
        tables = _large_tables(model) if config.optimizer == "adamw" else []
        chosen = {id(table) for table in tables}
        # Only matrices decay: biases and the CRF's transitions are few, and nothing is gained by shrinking them.
        named = [
            (name, parameter)
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and id(parameter) not in chosen
        ]
        groups: dict[tuple[str, bool], dict[str, Any]] = {}
        for name, parameter in named:
            group = _group(name, parameter_groups)
            decayed = name.split(".")[-1].startswith("weight")
            new = {"params": [], "group": group, "weight_decay": config.weight_decay if decayed else 0.0}
            groups.setdefault((group, decayed), new)["params"].append(parameter)
        ordered = list(groups.values())  # in the order of the parameters, since a saved state refers to their indices
        self.parts: list[torch.optim.Optimizer] = []
        if config.optimizer == "sgd":
            self.parts.append(torch.optim.SGD(ordered, lr=config.learning_rate, momentum=config.momentum))
        else:
            self.parts.append(torch.optim.AdamW(ordered, lr=config.learning_rate, fused=True))
        if tables:
            # No momentum: after a batch in which a row occurs, dense Adam keeps moving the row for about ten steps, in
            # all 1 / (1 - β₁) times as far as in the first. Lazy Adam would take only the first of these steps. With
            # β₁ = 0, that step covers the whole distance.
            sparse = [
                {"params": [parameter], "group": _group(name, parameter_groups)}
                for name, parameter in model.named_parameters()
                if id(parameter) in chosen
            ]
            self.parts.append(torch.optim.SparseAdam(sparse, lr=config.learning_rate, betas=(0.0, 0.999)))

    def set_learning_rate(self, rate: float, scale: Callable[[str], float] | None = None) -> None:
        """Set the learning rate of the next steps; ``scale`` returns the factor of a parameter group."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate * (scale(group["group"]) if scale else 1.0)

    def clip(self) -> Tensor:
        """Clip the total norm of all gradients; return the norm before clipping, on the device of the model."""
        for parameter in self.parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
        values = [_values(parameter.grad) for parameter in self.parameters if parameter.grad is not None]
        norm = nn.utils.get_total_norm(values)
        if self.clip_norm < math.inf:
            scale = (self.clip_norm / (norm.double() + 1e-6)).where(norm > self.clip_norm, 1.0)
            torch._foreach_mul_(values, scale.to(norm.dtype))
        return norm

    def step(self) -> None:
        """Take an optimizer step, and clear the gradients."""
        for part in self.parts:
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state by name."""
        tensors = {}
        for number, part in enumerate(self.parts):
            for index, slots in part.state_dict()["state"].items():
                for slot, value in slots.items():
                    if value is not None:
                        tensors[f"{number}.{index}.{slot}"] = torch.as_tensor(value)
        return tensors

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Restore the state that ``state_dict`` returned.

        Raises:
            ValueError: if a part of the state does not fit its optimizer.
        """
        for number, part in enumerate(self.parts):
            slots: dict[int, dict[str, Any]] = {}
            for name, tensor in tensors.items():
                owner, index, slot = name.split(".", 2)
                if int(owner) == number:
                    counts = slot == "step" and isinstance(part, torch.optim.SparseAdam)  # which needs an int
                    slots.setdefault(int(index), {})[slot] = int(tensor) if counts else tensor
            part.load_state_dict({**part.state_dict(), "state": slots})


def _large_tables(model: nn.Module) -> list[Tensor]:
    """Return the large embedding tables, after switching them to sparse gradients."""
    tables: list[Tensor] = []
    for module in model.modules():
        if not isinstance(module, Embedding) or not module.sparse_gradient or not module.weight.requires_grad:
            continue
        # Apple's MPS has no sparse tensors.
        if module.num_embeddings > LARGE_TABLE and module.weight.device.type != "mps":
            module.sparse = True
            tables.append(module.weight)
    return tables


def _group(name: str, parameter_groups: Sequence[str]) -> str:
    """Return the longest prefix of a parameter's name among the groups, or ``""``."""
    return max((each for each in parameter_groups if name.startswith(each)), key=len, default="")


def _values(gradient: Tensor) -> Tensor:
    return gradient._values() if gradient.is_sparse else gradient


def learning_rate_factor(config: TrainConfig, progress: float) -> float:
    """Return the fraction of the peak learning rate at a point of training, from 0 to 1.

    After a linear warm-up it follows a half cosine to 0 (``one-cycle``), stays constant (``constant`` and ``plateau``),
    or stays constant for some epochs and is then multiplied by a factor in each further epoch (``decay``).

    >>> config = TrainConfig(warmup=0.2)
    >>> [round(learning_rate_factor(config, progress), 3) for progress in (0.1, 0.2, 0.6, 1.0)]
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
