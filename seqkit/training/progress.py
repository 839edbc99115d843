"""The progress of training: a bar on a terminal, or a line per epoch in a log."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from seqkit.metrics.metric import Metric
from seqkit.training.events import BatchDone, EpochDone, EpochStarted, Event

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Progress"]


class Progress:
    """Draws the events of training on stderr: epoch, loss, dev score, steps per second, time left.

    Args:
        metric: the dev score to show.
        step: the name of a step, in the singular.
        quiet: whether to draw nothing.
    """

    def __init__(self, metric: Metric, *, step: str = "token", quiet: bool = False) -> None:
        self.metric = metric
        self.step = step
        # There may be no stderr, as in a service.
        self.quiet = quiet or sys.stderr is None or sys.stderr.closed
        self.terminal = not self.quiet and sys.stderr.isatty()
        self.bar: tqdm[None] | None = None
        self.epoch = self.epochs = 0
        self.shown: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Draw an event; if it cannot be drawn, nothing is from then on, as training matters more than its progress."""
        if self.quiet:
            return
        try:
            self._draw(event)
        except OSError:  # stderr is a full disk, a pipe that nobody reads, a terminal that is gone
            self.quiet = True

    def _draw(self, event: Event) -> None:
        if isinstance(event, EpochStarted):
            self._start(event)
        elif isinstance(event, BatchDone):
            self.shown["loss"] = f"{event.loss:.3f}"
            if self.bar is not None:
                self._describe(self.bar)
                self.bar.update(event.steps)
        else:
            self._end(event)

    def close(self) -> None:
        """Close the bar; it stays on the terminal."""
        if self.bar is not None:
            with suppress(OSError):
                self.bar.close()

    def _start(self, event: EpochStarted) -> None:
        self.epoch, self.epochs = event.epoch, event.epochs
        if not self.terminal:
            return
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(
                total=event.epochs * event.steps,
                initial=(event.epoch - 1) * event.steps + event.done,
                bar_format="{desc} |{bar}| {rate_fmt}, {remaining} left",
                unit=f" {self.step[:3]}",
                unit_scale=True,
                smoothing=0,  # the mean rate includes dev evaluation, so the estimate of the time left does, too
                dynamic_ncols=True,
            )
        self._describe(self.bar)
        self.bar.refresh()

    def _describe(self, bar: "tqdm[None]") -> None:
        shown = "".join(f"  {name} {value}" for name, value in self.shown.items())
        bar.set_description_str(f"epoch {self.epoch}/{self.epochs}{shown}", refresh=False)

    def _end(self, event: EpochDone) -> None:
        score = self.metric.format_number(event.record[f"dev_{self.metric.name}"])
        self.shown[f"dev {self.metric.name}"] = score
        if self.bar is not None:
            self._describe(self.bar)
        else:
            line = f"epoch {event.record['epoch']}/{self.epochs}  loss {event.record['train_loss']:.4f}"
            line += f"  dev {self.metric.name} {score}  {event.record['seconds']:.0f} s"
            print(line + ("  best so far" if event.best else ""), file=sys.stderr, flush=True)
