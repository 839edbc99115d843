"""Run all benchmarks of speed and memory, and write their tables to one Markdown file.

::

    python -m benchmarks --data DIR

``DIR`` contains a folder for each public corpus; missing ones are reported and skipped. A full run writes ``SPEED.md``
next to this file, or ``SPEED-cuda.md`` if a GPU was measured. With ``--only`` or ``--quick``, a file is written only to
``--out``, so that a partial result never replaces the full one.
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
USUAL = [name for name in BENCHMARKS if name != "quality"]  # which trains for about an hour, and has its own table
WITHOUT_PEER = ["encoder", "crf", "decoding", "memory"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks, print each section when it is complete, and write the file.

    Raises:
        ConfigError: if there is no such benchmark, or a folder or device does not exist.
        MissingExtraError: if sklearn-crfsuite is needed and not installed.
    """
    parser = script_parser("python -m benchmarks", __doc__, corpora=())
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"run only these, of {', '.join(BENCHMARKS)}")
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
        crf_class()  # fail now, not after minutes of other benchmarks
    sections = [f"# How fast seqkit is, and how much memory it takes\n\nMachine: {machine(options.device)}"]
    print(sections[0], flush=True)
    for name in names:
        sections.append(BENCHMARKS[name](options))
        print(f"\n{sections[-1]}", flush=True)
    if out:
        out.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
