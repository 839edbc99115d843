"""Score a text with a language model that adapts to what it has just read: neural cache and dynamic evaluation.

Both read the text forward, as one stream. The cache stores the last states and the token that followed each. It mixes
in a distribution over the tokens that followed states similar to the current one (Grave et al. 2017). Dynamic
evaluation takes a gradient step after each window, and moves the weights back towards their trained values (Krause et
al. 2018). It updates a copy; the model itself does not change.

Shapes: T steps of a window, W steps in the cache and the window, H state width, X = T tokens of one stream.
"""

import copy
import math
import time

import torch
from torch import Tensor, nn

from seqkit.batches.bptt_windows import WindowSampler, window_tokens
from seqkit.config.adaptive import CacheConfig, DynamicConfig
from seqkit.errors import ConfigError, setting_ref
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
    """Evaluate a language model that adapts to the text as it reads it.

    Args:
        task: the task whose model reads the text; it does not change.
        examples: the text.
        device: the device of the model.
        cache: settings of the neural cache; None turns it off.
        dynamic: settings of dynamic evaluation; None turns it off.

    Returns:
        The evaluation, with the scores of ``LanguageModellingTask.score``.

    Raises:
        ConfigError: if the model is not a forward model.
    """
    if task.directions != ("forward",):
        forward = setting_ref("direction", "forward")
        raise ConfigError(f"only a model that reads forward can adapt; train it with {forward}")
    start = time.perf_counter()
    network = copy.deepcopy(task.network("forward")).eval()  # no dropout, not even in gradient steps
    trained = [parameter.detach().clone() for parameter in network.parameters()] if dynamic else []
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
            _adapt(network, trained, dynamic)
    prediction = WindowNLL((nats,), len(ids))
    return Evaluation(
        scores=task.score(examples, [prediction]),
        predictions=[prediction],
        steps=len(ids),
        seconds=time.perf_counter() - start,
    )


@torch.no_grad()
def _adapt(network: nn.Module, trained: list[Tensor], config: DynamicConfig) -> None:
    """Take a gradient step, then move the weights a part of the way back to the trained ones."""
    parameters = list(network.parameters())
    nn.utils.clip_grad_norm_(parameters, config.clip_norm)
    for parameter, origin in zip(parameters, trained, strict=True):
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
        """Return the log-probabilities of the targets under the mixture; each step sees only the steps before it."""
        before = len(self.tokens_W)
        states_WH = torch.cat([self.states_WH.to(states_TH), states_TH])
        tokens_W = torch.cat([self.tokens_W.to(targets_T), targets_T])
        steps_T1 = torch.arange(before, before + len(targets_T), device=targets_T.device)[:, None]
        indices_W = torch.arange(len(tokens_W), device=targets_T.device)
        seen_TW = (indices_W < steps_T1) & (indices_W >= steps_T1 - self.config.size)
        similarity_TW = self.config.flatness * (states_TH @ states_WH.T).double()
        similarity_TW = similarity_TW.masked_fill(~seen_TW, -torch.inf)
        total_T = similarity_TW.logsumexp(1)
        matching_T = similarity_TW.masked_fill(tokens_W != targets_T[:, None], -torch.inf).logsumexp(1)
        cached_T = (matching_T - total_T).nan_to_num(nan=-torch.inf, neginf=-torch.inf)  # empty cache: −∞ − −∞
        self.states_WH, self.tokens_W = states_WH[-self.config.size :], tokens_W[-self.config.size :]
        share = self.config.share
        mixed_T = torch.logaddexp(log_probabilities_T + math.log1p(-share), cached_T + math.log(share))
        return torch.where(seen_TW.any(1), mixed_T, log_probabilities_T)
