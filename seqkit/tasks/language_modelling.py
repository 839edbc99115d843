"""Language modelling: every token of running text from those before it, or from those after it.

The beginning of a training text, and what becomes of it where a token is a character::

    The Rent            T h e ␣ R e n t ¶ …  → 23 5 3 2 36 3 7 4 19 …
                        inputs   ⟨ T h e ␣ R e n …       ⟨ is <eos>, which stands before a text
                        targets  T h e ␣ R e n t …

The text is read as streams side by side, in windows whose state goes on into the next (``bptt_windows``). A backward
model reads the same text from its end to its beginning; ``both`` is one of each.

Shapes: B streams, T steps of a window, N directions, H state width, X tokens of a window.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqkit.batches.batch import Batch
from seqkit.batches.bptt_windows import Window, WindowSampler, window_tokens
from seqkit.batches.token_store import TokenStore, store_tokens
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.training import TrainConfig
from seqkit.data.texts import Texts
from seqkit.models.language_model import NextTokenModel
from seqkit.nn.recurrent import Carry
from seqkit.text.lm_tokenizer import TextTokenizer

__all__ = ["LanguageModellingTask", "Surprise", "TextExamples"]

EVALUATION_STREAMS = 32
LEAST_STREAM = 4096  # tokens: what a stream's beginning lacks in context is to count for little


@dataclass(frozen=True)
class Surprise:
    """What the tokens of a window cost.

    Attributes:
        nats: negative log-likelihood of all of them, for each direction.
        tokens: how many they are.
        log_probabilities: that of each, for each direction, where they were asked for: of one stream, and in the order
            in which the direction reads.
    """

    nats: tuple[float, ...]
    tokens: int
    log_probabilities: tuple[list[float], ...] = ()


@dataclass(frozen=True)
class TextExamples:
    """A text as a model reads it.

    Attributes:
        store: its tokens, and how many characters and bytes they stand for.
        streams: how many of them are read side by side where it is scored.
    """

    store: TokenStore
    streams: int

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def lengths(self) -> list[int]:
        """The tokens of the text, which is one example."""
        return [len(self.store.ids)]

    @property
    def gold(self) -> TokenStore:
        """What predictions are scored against."""
        return self.store


class LanguageModellingTask:
    """Next-token prediction in one direction or both.

    Args:
        config: what the model is made of.
        tokenizer: cuts text into tokens.
    """

    name = "lm"
    metric = "perplexity"
    tie_breaker: str | None = None
    rate_parts: Sequence[str] = ()
    usage = 'model.generate("Once ", max_tokens=100, temperature=0.8)[0].text'

    def __init__(self, config: LanguageModelConfig, *, tokenizer: TextTokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.directions = ("forward", "backward") if config.direction == "both" else (config.direction,)
        self.model = nn.ModuleList(NextTokenModel(config, len(tokenizer)) for _ in self.directions)

    @classmethod
    def fitted(cls, config: LanguageModelConfig, texts: Texts) -> "LanguageModellingTask":
        """A task whose vocabulary is that of a training text.

        Raises:
            CorpusError: where there is no text.
        """
        tokenizer = TextTokenizer.fitted(
            config.unit,
            texts.documents(),
            pretokenized=config.pretokenized,
            minimum_count=config.minimum_count,
            vocabulary_size=config.vocabulary_size or None,
        )
        return cls(config, tokenizer=tokenizer)

    @property
    def labels(self) -> list[str]:
        """What each token adds to a text."""
        return [piece.decode(errors="replace") for piece in self.tokenizer.pieces]

    def networks(self) -> list[NextTokenModel]:
        """The network of each direction."""
        return [network for network in self.model if isinstance(network, NextTokenModel)]

    def network(self, direction: str) -> NextTokenModel:
        """The network that reads in a direction; ValueError where the model has none."""
        return self.networks()[self.directions.index(direction)]

    def prepare(self, texts: Texts) -> TextExamples:
        """A text as the model reads it; its tokens are kept on the disk.

        Raises:
            CorpusError: where it is empty.
        """
        store = store_tokens(self.tokenizer, texts)
        return TextExamples(store, max(1, min(EVALUATION_STREAMS, len(store.ids) // LEAST_STREAM)))

    def sampler(self, examples: TextExamples, config: TrainConfig) -> WindowSampler:
        """The windows to train on: ``batch_tokens / bptt`` streams, read anew in each epoch."""
        return WindowSampler(
            tokens=len(examples.store.ids),
            streams=max(1, config.batch_tokens // self.config.bptt),
            steps=self.config.bptt,
            vary=self.config.vary_bptt,
            seed=config.seed,
        )

    def rate_share(self, part: str, epoch: int) -> float:
        """All parts learn at the same rate."""
        return 1.0

    def batches(self, examples: TextExamples, batch_tokens: int) -> Sequence[Window]:
        """The windows of a prediction."""
        tokens, streams = len(examples.store.ids), examples.streams
        return WindowSampler(tokens=tokens, streams=streams, steps=max(1, batch_tokens // streams)).epoch(0)

    def settled(self, examples: TextExamples, device: torch.device) -> TextExamples:
        """The same: what follows depends on all that came before."""
        return examples

    def collate(self, examples: TextExamples, rows: Window) -> Batch:
        """The tokens of a window; the backward model reads the text from its end."""
        inputs, targets = {}, []
        for name in self.directions:
            ids = examples.store.ids if name == "forward" else examples.store.ids[::-1]
            inputs[name], targets_BT, lengths_B = window_tokens(ids, rows, before=self.tokenizer.end_id)
            targets.append(targets_BT)
        return Batch(inputs=inputs, lengths=lengths_B, targets=torch.stack(targets, dim=-1))

    def loss(self, batch: Batch, carry: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Cross-entropy averaged over tokens and directions, with AR and TAR (Merity et al. 2018, section 4.4)."""
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

    def predict(
        self, batch: Batch, carry: list[Tensor] | None, *, confidence: bool = False
    ) -> tuple[list[Surprise], list[Tensor]]:
        """What the tokens of a window cost, one item for all of it; with ``confidence`` also each by itself."""
        readings = self._read(batch, carry)
        found = [
            network.head.log_probabilities(dropped_XH, targets_X, network.tied_VH).double()
            for network, _, dropped_XH, targets_X, _ in readings
        ]
        nats = tuple(-float(log_probabilities_X.sum()) for log_probabilities_X in found)
        each = tuple(log_probabilities_X.tolist() for log_probabilities_X in found) if confidence else ()
        return [Surprise(nats, batch.tokens, each)], [tensor for reading in readings for tensor in reading.carry]

    def _read(self, batch: Batch, carry: list[Tensor] | None) -> list["_Reading"]:
        """What the network of each direction makes of a window."""
        assert batch.targets is not None
        full = int(batch.lengths.min()) == batch.targets.shape[1]
        mask_BT = None if full else batch.mask.to(batch.targets.device)
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
                    [part.detach() for end in ends for part in (end if isinstance(end, tuple) else (end,))],
                )
            )
        return readings

    def _kept(self, batch: Batch) -> Tensor | None:
        """1 for streams that keep their state and 0 for those that forget it, some at random in training; (1, B, 1)."""
        assert batch.targets is not None
        if not self.model.training or self.config.reset_probability == 0.0:
            return None
        kept_B = torch.rand(len(batch.lengths)) >= self.config.reset_probability
        return kept_B.float()[None, :, None].to(batch.targets.device)

    def in_order(self, batches: Sequence[Window], predictions: Sequence[list[Surprise]]) -> list[Surprise]:
        """The windows as they came."""
        return [surprise for predicted in predictions for surprise in predicted]

    def score(self, gold: TokenStore, predicted: Sequence[Surprise]) -> dict[str, float]:
        """Perplexity and nats per token, bits per character and per byte; of both directions also each by itself."""
        nats = [sum(surprise.nats[number] for surprise in predicted) for number in range(len(self.directions))]
        mean, tokens = sum(nats) / len(nats), sum(surprise.tokens for surprise in predicted)
        scores = {
            "perplexity": _perplexity(mean / tokens),
            "nats_per_token": mean / tokens,
            "bits_per_character": mean / math.log(2) / gold.characters,
            "bits_per_byte": mean / math.log(2) / gold.bytes,
        }
        if len(nats) > 1:
            scores |= {
                f"{name}_perplexity": _perplexity(each / tokens)
                for name, each in zip(self.directions, nats, strict=True)
            }
        return scores

    def describe(self, examples: TextExamples, rows: Window) -> str:
        """The first tokens of a window."""
        _, targets_BT, lengths_B = window_tokens(examples.store.ids, rows, before=self.tokenizer.end_id)
        return repr(self.tokenizer.decode(targets_BT[0, : int(lengths_B[0])][:40].tolist()))

    @staticmethod
    def asset_names(config: LanguageModelConfig) -> list[str]:
        """The names of the files that ``assets`` gives."""
        return ["tokenizer.json"]

    def assets(self) -> dict[str, str]:
        """The files that, with the weights and the configuration, make the model."""
        return {"tokenizer.json": self.tokenizer.to_json()}

    @classmethod
    def restored(cls, config: LanguageModelConfig, assets: Mapping[str, str]) -> "LanguageModellingTask":
        """The model that ``assets`` describe, before its weights are loaded."""
        return cls(config, tokenizer=TextTokenizer.from_json(assets["tokenizer.json"]))


class _Reading(NamedTuple):
    """A network, its states of a window, those of true tokens after dropout, their targets, and the state after it.

    The latter is without gradient: backpropagation through time ends at the window's start.
    """

    network: NextTokenModel
    states_BTH: Tensor
    dropped_XH: Tensor
    targets_X: Tensor
    carry: list[Tensor]


def _taken(tensors: Iterator[Tensor], like: Carry, kept_1B1: Tensor | None) -> Carry:
    """The next state of those that were handed on, for as many streams as ``like`` is for."""

    def take(zeros: Tensor) -> Tensor:
        tensor = next(tensors)[:, : zeros.shape[1]].contiguous()  # the last step of an epoch may have fewer streams
        return tensor if kept_1B1 is None else tensor * kept_1B1

    return (take(like[0]), take(like[1])) if isinstance(like, tuple) else take(like)


def _perplexity(nats: float) -> float:
    return math.exp(min(nats, 700.0))  # e^710 is more than a float holds
