"""``seqkit info``: what a run is."""

import json

from seqkit.runs.folder import RunFolder
from tests.command_line import seqkit, tiny_run


def test_info_says_what_the_run_folder_says() -> None:
    run = RunFolder(tiny_run("ner"))
    whole, report = run.read_run(), run.read_json("report.json")
    about = {name: value for name, value in whole.items() if name not in ("examples", "sha256")}
    done = seqkit("info", run.path, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"run": str(run.path), **about, "report": report}
    shown = " ".join(seqkit("info", run.path).out.split())
    assert f"run {run.path} task ner corpus {about['corpus']['spec']} dev f1 {100 * report['dev']['f1']:.2f} %" in shown
    assert f"finished, {report['epochs']} epoch in" in shown
    assert f"{report['parameters']:,} parameters" in shown
    assert all(f"{name}={value}" in shown for name, value in about["settings"].items())
    assert "resume" not in shown
