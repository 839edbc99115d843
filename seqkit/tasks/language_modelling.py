"""Language modelling: predict every token of running text from the tokens before it, or from those after it.

The beginning of a training text, its ids if tokens are characters, and the inputs and targets of a window::

    The Rent            T h e ␣ R e n t ¶ …  → 23 5 3 2 36 3 7 4 19 …
                        inputs   ⟨ T h e ␣ R e n …       ⟨ is <eos>, the token before a text
                        targets  T h e ␣ R e n t …

The text is read as streams side by side, in windows; the state after a window is the initial state of the next
(``bptt_windows``). A backward model reads the same text from its end to its beginning; ``both`` is one of each.

Shapes: B streams, T steps of a window, N directions, H state width, X tokens of a window.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from seqkit.batches.batch import Batch
from seqkit.batches.bptt_windows import Window, WindowSampler, window_tokens
from seqkit.batches.token_store import TokenStore, store_tokens
from seqkit.cells.state import Carry, map_state, parts_of
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.training import TrainConfig
from seqkit.data.texts import Texts
from seqkit.metrics.metric import LANGUAGE_MODEL_METRICS, Metric
from seqkit.models.language_model import Direction, DirectionalNetworks, NextTokenModel
from seqkit.text.lm_tokenizer import TextTokenizer

__all__ = ["LanguageModellingTask", "TextExamples", "TokenLogProbabilities", "WindowNLL"]

EVALUATION_STREAMS = 32
MIN_STREAM = 4096  # tokens: the missing context at a stream's beginning should matter little


@dataclass(frozen=True)
class WindowNLL:
    """The negative log-likelihood of the tokens of a window.

    Attributes:
        nats: the sum over all tokens, for each direction.
        tokens: number of tokens.
        log_probabilities: the log-probability of each token, for each direction, in reading order; empty unless
            requested. Meant for a single stream.
    """

    nats: tuple[float, ...]
    tokens: int
    log_probabilities: tuple[list[float], ...] = ()


@dataclass(frozen=True)
class TextExamples:
    """A text as a language model reads it; it counts as one example.

    Attributes:
        store: its tokens, and the number of characters and bytes they stand for.
        streams: number of streams in which the text is read side by side when it is scored.
    """

    store: TokenStore
    streams: int

    def __len__(self) -> int:
        return 1

    @property
    def steps(self) -> int:
        """Number of tokens of the text."""
        return len(self.store.ids)


class LanguageModellingTask:
    """Next-token prediction in one direction or both.

    Args:
        config: the settings of the model.
        tokenizer: splits text into tokens.
    """

    metrics: ClassVar[Sequence[Metric]] = LANGUAGE_MODEL_METRICS
    tie_breaker: ClassVar[Metric | None] = None

    def __init__(self, config: LanguageModelConfig, *, tokenizer: TextTokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.model = DirectionalNetworks(config, len(tokenizer))

    @classmethod
    def from_rows(cls, config: LanguageModelConfig, rows: Texts) -> tuple[Self, TextExamples]:
        """Build a task with the vocabulary of a training text; return it and this text as examples.

        Raises:
            CorpusError: if there is no text.
        """
        tokenizer = TextTokenizer.fitted(
            config.unit,
            rows.documents(),
            pretokenized=config.pretokenized,
            minimum_count=config.minimum_count,
            vocabulary_size=config.vocabulary_size or None,
        )
        task = cls(config, tokenizer=tokenizer)
        return task, task.prepare(rows)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions in which the model reads."""
        return self.model.directions

    @property
    def labels(self) -> list[str]:
        """The text of each token."""
        return [piece.decode(errors="replace") for piece in self.tokenizer.pieces]

    def networks(self) -> list[NextTokenModel]:
        """Return the network of each direction."""
        return list(self.model)

    def network(self, direction: str) -> NextTokenModel:
        """Return the network that reads in a direction; KeyError if the model has none."""
        return self.model.of(direction)

    def prepare(self, rows: Texts) -> TextExamples:
        """Return a text as examples; its tokens are stored on disk.

        Raises:
            CorpusError: if the text is empty or cannot be read, or its tokens cannot be stored.
        """
        store = store_tokens(self.tokenizer, rows)
        return TextExamples(store, max(1, min(EVALUATION_STREAMS, len(store.ids) // MIN_STREAM)))

    def sampler(self, examples: TextExamples, config: TrainConfig) -> WindowSampler:
        """Return the sampler of training windows, of ``batch_tokens / bptt`` streams."""
        return WindowSampler(
            tokens=len(examples.store.ids),
            streams=max(1, config.batch_tokens // self.config.bptt),
            steps=self.config.bptt,
            vary=self.config.vary_bptt,
            seed=config.seed,
        )

    @property
    def parameter_groups(self) -> Sequence[str]:
        """No groups: all parameters have the same learning rate."""
        return ()

    def learning_rate_scale(self, group: str, epoch: int) -> float:
        """Return 1: all parameters have the same learning rate."""
        return 1.0

    def batches(self, examples: TextExamples, batch_tokens: int) -> Sequence[Window]:
        """Return the windows of a prediction."""
        tokens, streams = len(examples.store.ids), examples.streams
        return WindowSampler(tokens=tokens, streams=streams, steps=max(1, batch_tokens // streams)).epoch(0)

    def precompute(self, examples: TextExamples, device: torch.device) -> TextExamples:
        """Return the examples as they are: batches share nothing."""
        return examples

    def collate(self, examples: TextExamples, index: Window) -> Batch:
        """Return the batch of a window; for the backward model, the text is reversed."""
        inputs: dict[str, Tensor] = {}
        targets = []
        for name in self.directions:
            ids = examples.store.ids if name == "forward" else examples.store.ids[::-1]
            inputs[name], targets_BT, lengths_B = window_tokens(ids, index, before=self.tokenizer.end_id)
            targets.append(targets_BT)
        return Batch(inputs=inputs, lengths=lengths_B, targets=torch.stack(targets, dim=-1))

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Return the mean cross-entropy over tokens and directions, and the state after the window.

        The loss includes activation and temporal activation regularization (Merity et al. 2018, section 4.4).
        """
        config, losses = self.config, []
        readings = self._read(batch, carry)
        for network, states_BTH, dropped_XH, targets_X, _ in readings:
            loss = network.head.loss(dropped_XH, targets_X, network.tied_VH)
            if config.activation_penalty:
                loss = loss + config.activation_penalty * dropped_XH.float().square().mean()
            if config.temporal_penalty and states_BTH.shape[1] > 1:
                loss = loss + config.temporal_penalty * states_BTH.float().diff(dim=1).square().mean()
            losses.append(loss)
        return torch.stack(losses).mean(), [tensor for reading in readings for tensor in reading.carry]

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[WindowNLL], list[Tensor]]:
        """Return the negative log-likelihood of a window as a whole, and the state after it."""
        log_probabilities, carry = self.log_probabilities(batch, carry)
        return [WindowNLL(tuple(-float(each_X.sum()) for each_X in log_probabilities), batch.steps)], carry

    def log_probabilities(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[Tensor], list[Tensor]]:
        """Return the log-probabilities (X,) of a window's tokens for each direction, and the state after it."""
        readings = self._read(batch, carry)
        found = [
            network.head.log_probabilities(dropped_XH, targets_X, network.tied_VH).double()
            for network, _, dropped_XH, targets_X, _ in readings
        ]
        return found, [tensor for reading in readings for tensor in reading.carry]

    def _read(self, batch: Batch, carry: list[Tensor] | None) -> list["_Reading"]:
        """Return the states of the network of each direction."""
        assert batch.targets is not None
        full = int(batch.lengths.min()) == batch.targets.shape[1]
        mask_BT = None if full else batch.mask
        carried = iter(carry or ())
        readings = []
        for number, (name, network) in enumerate(zip(self.directions, self.networks(), strict=True)):
            start = network.initial_carry(len(batch.lengths))
            if carry is not None:
                kept_1B1 = self._kept(batch)
                start = [_taken(carried, part, kept_1B1) for part in start]
            states_BTH, dropped_BTH, ends = network(batch.inputs[name], batch.lengths, start)
            targets_BT = batch.targets[..., number]
            readings.append(
                _Reading(
                    network,
                    states_BTH,
                    dropped_BTH.flatten(0, 1) if mask_BT is None else dropped_BTH[mask_BT],
                    targets_BT.flatten() if mask_BT is None else targets_BT[mask_BT],
                    [part.detach() for end in ends for part in parts_of(end)],
                )
            )
        return readings

    def _kept(self, batch: Batch) -> Tensor | None:
        """Return 1 for streams that keep their state and 0 for those that are reset, (1, B, 1); None keeps all."""
        assert batch.targets is not None
        if not self.model.training or self.config.reset_probability == 0.0:
            return None
        kept_B = torch.rand(len(batch.lengths)) >= self.config.reset_probability
        return kept_B.float()[None, :, None].to(batch.targets.device)

    def merge(
        self, examples: TextExamples, batches: Sequence[Window], predictions: Sequence[list[WindowNLL]]
    ) -> list[WindowNLL]:
        """Return the predictions for all windows in their order."""
        return [prediction for predicted in predictions for prediction in predicted]

    def score(self, examples: TextExamples, predictions: Sequence[WindowNLL]) -> dict[str, float]:
        """Return perplexity, nats per token, bits per character and per byte, averaged over the directions.

        A model of two directions also has the perplexity of each.
        """
        nats = [sum(each.nats[number] for each in predictions) for number in range(len(self.directions))]
        mean, tokens = sum(nats) / len(nats), sum(each.tokens for each in predictions)
        scores = {
            "perplexity": _perplexity(mean / tokens),
            "nats_per_token": mean / tokens,
            "bits_per_character": mean / math.log(2) / examples.store.characters,
            "bits_per_byte": mean / math.log(2) / examples.store.bytes,
        }
        if len(nats) > 1:
            scores |= {
                f"{name}_perplexity": _perplexity(each / tokens)
                for name, each in zip(self.directions, nats, strict=True)
            }
        return scores

    def describe(self, examples: TextExamples, index: Window) -> str:
        """Return the first tokens of a window."""
        _, targets_BT, lengths_B = window_tokens(examples.store.ids, index, before=self.tokenizer.end_id)
        return repr(self.tokenizer.decode(targets_BT[0, : int(lengths_B[0])][:40].tolist()))

    def assets(self) -> dict[str, str]:
        """Return the files that make the model together with its weights and settings."""
        return {"tokenizer.json": self.tokenizer.to_json()}

    @classmethod
    def restored(cls, config: LanguageModelConfig, read: Callable[[str], str]) -> Self:
        """Return the model whose ``assets`` the function ``read`` returns by name, before its weights are loaded."""
        return cls(config, tokenizer=TextTokenizer.from_json(read("tokenizer.json")))


class TokenLogProbabilities:
    """A language model that predicts the log-probability of each token in addition to the sum over the window.

    Args:
        task: the language model.
    """

    def __init__(self, task: LanguageModellingTask) -> None:
        self.task = task

    @property
    def model(self) -> DirectionalNetworks:
        """The networks."""
        return self.task.model

    def precompute(self, examples: TextExamples, device: torch.device) -> TextExamples:
        """Return the examples as they are: batches share nothing."""
        return examples

    def batches(self, examples: TextExamples, batch_tokens: int) -> Sequence[Window]:
        """Return the windows of a prediction."""
        return self.task.batches(examples, batch_tokens)

    def collate(self, examples: TextExamples, index: Window) -> Batch:
        """Return the tokens of a window."""
        return self.task.collate(examples, index)

    def predict(self, batch: Batch, carry: list[Tensor] | None) -> tuple[list[WindowNLL], list[Tensor]]:
        """Return the log-probability of each token of a window, and the state after it."""
        found, carry = self.task.log_probabilities(batch, carry)
        nats = tuple(-float(each_X.sum()) for each_X in found)
        return [WindowNLL(nats, batch.steps, tuple(each_X.tolist() for each_X in found))], carry

    def merge(
        self, examples: TextExamples, batches: Sequence[Window], predictions: Sequence[list[WindowNLL]]
    ) -> list[WindowNLL]:
        """Return the predictions for all windows in their order."""
        return self.task.merge(examples, batches, predictions)


class _Reading(NamedTuple):
    """A network's reading of a window.

    Attributes:
        network: the network.
        states_BTH: its states at all steps.
        dropped_XH: the states of the real tokens, after dropout.
        targets_X: the targets of the real tokens.
        carry: the state after the window, without gradient: backpropagation through time is truncated there.
    """

    network: NextTokenModel
    states_BTH: Tensor
    dropped_XH: Tensor
    targets_X: Tensor
    carry: list[Tensor]


def _taken(tensors: Iterator[Tensor], like: Carry, kept_1B1: Tensor | None) -> Carry:
    """Return the next state from ``tensors``, in the form of ``like`` and for as many streams."""

    def take(zeros: Tensor) -> Tensor:
        tensor = next(tensors)[:, : zeros.shape[1]].contiguous()  # the last step of an epoch may have fewer streams
        return tensor if kept_1B1 is None else tensor * kept_1B1

    return map_state(like, take)


def _perplexity(nats: float) -> float:
    return math.exp(min(nats, 700.0))  # e^710 exceeds the range of a float
