"""Scoring a text with a language model that learns from what it has just read: neural cache and dynamic evaluation.

Both read the text as one stream, forward. The cache remembers the last states and the tokens that followed them, and
mixes in a distribution over tokens that followed states like the present one (Grave et al. 2017). Dynamic evaluation
takes a gradient step after each window and lets the weights return to where they were (Krause et al. 2018). The steps
are taken on a copy: the model itself stays as it is, to the bit.

Shapes: T steps of a window, W steps that the cache remembers, H state width, X = T true tokens of one stream.
"""

import copy
import math
import time

import torch
from torch import Tensor, nn

from seqkit.batches.bptt_windows import WindowSampler, window_tokens
from seqkit.config.adaptive import CacheConfig, DynamicConfig
from seqkit.errors import ConfigError
from seqkit.tasks.language_modelling import LanguageModellingTask, TextExamples, WindowNLL
from seqkit.training.device import Device
from seqkit.training.evaluate import Evaluation

__all__ = ["evaluate_adaptively"]


def evaluate_adaptively(
    task: LanguageModellingTask,
    examples: TextExamples,
    device: Device,
    *,
    cache: CacheConfig | None = None,
    dynamic: DynamicConfig | None = None,
) -> Evaluation[WindowNLL]:
    """Scores as ``LanguageModellingTask.score`` gives them, of a model that adapts to the text as it reads it.

    Args:
        task: the task whose model reads; it is not changed.
        examples: the text.
        device: where the model is.
        cache: the neural cache, where it is to be used.
        dynamic: dynamic evaluation, where it is to be used.

    Raises:
        ConfigError: where the model does not read forward alone.
    """
    if task.directions != ("forward",):
        raise ConfigError("only a model that reads forward can adapt; train it with direction=forward")
    began = time.perf_counter()
    network = copy.deepcopy(task.network("forward")).eval()  # without dropout, in its steps too
    stored = [parameter.detach().clone() for parameter in network.parameters()] if dynamic else []
    memory = _Cache(cache) if cache else None
    ids, carry, nats = examples.store.ids, network.initial_carry(1), 0.0
    windows = WindowSampler(tokens=len(ids), streams=1, steps=dynamic.steps if dynamic else 256).epoch(0)
    for window in windows:
        inputs, targets, lengths = window_tokens(ids, window, before=task.tokenizer.end_id)
        inputs, targets_X = inputs.to(device.torch_device), targets[0].to(device.torch_device)
        with torch.set_grad_enabled(dynamic is not None):
            states_BTH, _, carry = network(inputs, lengths, carry)
            log_probabilities_X = network.head.log_probabilities(states_BTH[0], targets_X, network.tied_VH)
        carry = [tuple(part.detach() for part in end) if isinstance(end, tuple) else end.detach() for end in carry]
        found_X = log_probabilities_X.detach().double()
        nats -= float((memory.mixed(states_BTH[0].detach(), targets_X, found_X) if memory else found_X).sum())
        if dynamic:
            (-log_probabilities_X.mean()).backward()
            _adapt(network, stored, dynamic)
    prediction = WindowNLL((nats,), len(ids))
    return Evaluation(
        scores=task.score(examples, [prediction]),
        predictions=[prediction],
        steps=len(ids),
        seconds=time.perf_counter() - began,
    )


@torch.no_grad()
def _adapt(network: nn.Module, stored: list[Tensor], config: DynamicConfig) -> None:
    """One step down the gradient, and a part of the way back to the stored weights."""
    parameters = list(network.parameters())
    nn.utils.clip_grad_norm_(parameters, config.clip_norm)
    for parameter, origin in zip(parameters, stored, strict=True):
        if parameter.grad is not None:
            parameter.add_(parameter.grad, alpha=-config.rate)
            parameter.grad = None
        parameter.lerp_(origin, config.back)


class _Cache:
    """The last states, and the token that followed each."""

    def __init__(self, config: CacheConfig) -> None:
        self.config = config
        self.states_WH = torch.empty(0)
        self.tokens_W = torch.empty(0, dtype=torch.int64)

    def mixed(self, states_TH: Tensor, targets_T: Tensor, log_probabilities_T: Tensor) -> Tensor:
        """Log-probabilities of the targets under the mixture; each step sees only the steps before it."""
        before = len(self.tokens_W)
        states_WH = torch.cat([self.states_WH.to(states_TH), states_TH])
        tokens_W = torch.cat([self.tokens_W.to(targets_T), targets_T])
        steps_T1 = torch.arange(before, before + len(targets_T), device=targets_T.device)[:, None]
        places_W = torch.arange(len(tokens_W), device=targets_T.device)
        seen_TW = (places_W < steps_T1) & (places_W >= steps_T1 - self.config.size)
        likeness_TW = self.config.flatness * (states_TH @ states_WH.T).double()
        likeness_TW = likeness_TW.masked_fill(~seen_TW, -torch.inf)
        total_T = likeness_TW.logsumexp(1)
        right_T = likeness_TW.masked_fill(tokens_W != targets_T[:, None], -torch.inf).logsumexp(1)
        cached_T = (right_T - total_T).nan_to_num(nan=-torch.inf, neginf=-torch.inf)  # nothing seen: −∞ − −∞
        self.states_WH, self.tokens_W = states_WH[-self.config.size :], tokens_W[-self.config.size :]
        share = self.config.share
        mixed_T = torch.logaddexp(log_probabilities_T + math.log1p(-share), cached_T + math.log(share))
        return torch.where(seen_TW.any(1), mixed_T, log_probabilities_T)
