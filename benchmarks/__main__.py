"""All benchmarks of speed and memory, one after the other, and one Markdown file of their tables.

::

    python -m benchmarks --data DIR

``DIR`` holds a folder for each public corpus; those that are not there are named and left out. A whole run writes
``SPEED.md`` beside this file, or ``SPEED-cuda.md`` where a GPU was measured; with ``--only`` or ``--quick`` a file is
written only where ``--out`` names one, so that no part of the tables takes the place of the whole.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import crf, decoding, encoder, memory, tagging_quality, tagging_step, time_to_score
from benchmarks.crfsuite import crf_class
from benchmarks.timing import Options, machine, options_of, run_script, script_parser
from seqkit.errors import ConfigError

__all__ = ["BENCHMARKS", "main"]


def _quality(options: Options) -> str:
    data = [] if options.data is None else ["--data", str(options.data)]
    peer = ["--skip-peer"] if options.skip_peer else []
    return f"## Tagging quality\n\n{tagging_quality.report(tagging_quality.parse([*data, *peer]))}"


BENCHMARKS: Mapping[str, Callable[[Options], str]] = {
    "encoder": encoder.report,
    "crf": crf.report,
    "tagging_step": tagging_step.report,
    "time_to_score": time_to_score.report,
    "decoding": decoding.report,
    "memory": memory.report,
    "quality": _quality,
}
USUAL = [name for name in BENCHMARKS if name != "quality"]  # which trains for an hour or so, and keeps its own table
WITHOUT_PEER = ["encoder", "crf", "decoding", "memory"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks, print their sections as they come, and write the file.

    Raises:
        ConfigError: there is no such benchmark, or a folder or device is not there.
        MissingExtraError: sklearn-crfsuite is needed and not installed.
    """
    parser = script_parser("python -m benchmarks", __doc__, corpora=())
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"run some of {', '.join(BENCHMARKS)}")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the tables to this file")
    given = parser.parse_args(arguments)
    options = options_of(given)
    names = given.only or USUAL
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise ConfigError(f"no benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}")
    out = given.out
    if out is None and names == USUAL and not options.quick:
        out = Path(__file__).with_name("SPEED-cuda.md" if options.device == "cuda" else "SPEED.md")
    if out and not out.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {out.parent}")
    if not options.skip_peer and any(name not in WITHOUT_PEER for name in names):
        crf_class()  # better missing now than after minutes of other benchmarks
    sections = [f"# How fast seqkit is, and how much memory it takes\n\nMachine: {machine(options.device)}"]
    print(sections[0], flush=True)
    for name in names:
        sections.append(BENCHMARKS[name](options))
        print(f"\n{sections[-1]}", flush=True)
    if out:
        out.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
