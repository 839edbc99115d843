"""Training as a person sees it: a bar on a terminal, a line an epoch in a log."""

import sys
from typing import TYPE_CHECKING, Any

from seqkit.metrics.metric import shown

if TYPE_CHECKING:
    from seqkit.training.events import Event

__all__ = ["Progress"]


class Progress:
    """Draws training events on stderr: epoch, loss, dev score, tokens a second, time left.

    Args:
        metric: the dev score to show.
        quiet: whether to draw nothing.
    """

    def __init__(self, metric: str, *, quiet: bool = False) -> None:
        self.metric = metric
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self.bar: Any = None
        self.epoch = self.epochs = 0
        self.shown: dict[str, str] = {}

    def __call__(self, event: "Event") -> None:
        """Take one event in."""
        from seqkit.training.events import BatchDone, EpochStarted

        if self.quiet:
            return
        if isinstance(event, EpochStarted):
            self._start(event)
        elif isinstance(event, BatchDone):
            self.shown["loss"] = f"{event.loss:.3f}"
            if self.bar is not None:
                self._describe()
                self.bar.update(event.tokens)
        else:
            self._end(event)

    def close(self) -> None:
        """Leave the bar as it is, and the cursor below it."""
        if self.bar is not None:
            self.bar.close()

    def _start(self, event: Any) -> None:
        self.epoch, self.epochs = event.epoch, event.epochs
        if not self.terminal:
            return
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(
                total=event.epochs * event.tokens,
                initial=(event.epoch - 1) * event.tokens + event.done,
                bar_format="{desc} |{bar}| {rate_fmt}, {remaining} left",
                unit=" tok",
                unit_scale=True,
                smoothing=0,  # the mean rate counts dev scoring in, so that the time left is true
                dynamic_ncols=True,
            )
        self._describe()
        self.bar.refresh()

    def _describe(self) -> None:
        shown = "".join(f"  {name} {value}" for name, value in self.shown.items())
        self.bar.set_description_str(f"epoch {self.epoch}/{self.epochs}{shown}", refresh=False)

    def _end(self, event: Any) -> None:
        score = shown(self.metric, event.record[f"dev_{self.metric}"]).removesuffix(" %")
        self.shown[f"dev {self.metric}"] = score
        if self.bar is not None:
            self._describe()
        else:
            line = f"epoch {event.record['epoch']}/{self.epochs}  loss {event.record['train_loss']:.4f}"
            line += f"  dev {self.metric} {score}  {event.record['seconds']:.0f} s"
            print(line + ("  best so far" if event.best else ""), file=sys.stderr, flush=True)
