import base64
import getpass
import socket
import subprocess
from pathlib import Path

import nbformat
import pytest

from scanbook.report.provenance import as_html, collect, commit, known_roots, scrub, scrub_notebook, scrubber

ROOTS = {
    Path("/home/ann/work/scanbook"): "‹repository›",
    Path("/home/ann"): "~",
    Path("/srv/sets"): "‹data›/sets",
}


def cleaned(text, environ=None):
    return scrubber(ROOTS, user="ann", host="lab-42.example.org", environ=environ or {})(text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/ann/work/scanbook/src/a.py", "‹repository›/src/a.py"),
        ("/home/ann/letters/other.txt", "~/letters/other.txt"),
        ('File "/home/ann", line 3', 'File "~", line 3'),
        ("file:///srv/sets/heart", "‹data›/sets/heart"),
        ("/home/anna/x and /home/ann.old/x", "/home/anna/x and /home/‹user›.old/x"),
        ("/mnt/home/ann/x", "/mnt/home/‹user›/x"),
        ("in /home/ann.", "in ~."),
        ("/scratch/ann/sets", "/scratch/‹user›/sets"),
        ("ann@lab-42.example.org:22", "‹user›@‹host›:22"),
        ("http://lab-42:8888/tree", "http://‹host›:8888/tree"),
        ("events.out.tfevents.1700000000.lab-42.12.0", "events.out.tfevents.1700000000.‹host›.12.0"),
        ("Anna and an annotation by ann", "Anna and an annotation by ann"),
        ("C:\\Users\\ann\\x", "C:\\Users\\‹user›\\x"),
    ],
)
def test_paths_users_and_hosts_get_short_names(text, clean):
    assert cleaned(text) == clean


def test_a_user_named_like_an_ordinary_folder_does_not_eat_that_folder():
    clean = scrubber({}, user="data", host="", environ={})
    assert clean("runs/data/heart and /home/data/x") == "runs/data/heart and /home/‹user›/x"


def test_values_of_secret_variables_go_and_short_ones_stay():
    environ = {"KAGGLE_KEY": "f00ba12345", "MY_PASSWORD": "1", "PLAIN": "visible-value"}
    assert cleaned("f00ba12345 1 visible-value", environ) == "‹secret› 1 visible-value"


def test_a_home_at_the_root_of_the_disk_does_not_turn_every_path_around():
    assert scrub("/usr/bin/python", {Path("/"): "~"}, environ={}) == "/usr/bin/python"


def test_the_letters_of_a_coded_picture_are_not_mistaken_for_a_path():
    uri = "data:image/png;base64,AAAA/home/ann/AAAA"
    assert cleaned(f'<img src="{uri}">/home/ann') == f'<img src="{uri}">~'


def test_the_text_inside_an_svg_is_scrubbed():
    uri = "data:image/svg+xml;base64," + base64.b64encode(b"<svg><text>/home/ann/x</text></svg>").decode()
    inner = base64.b64decode(cleaned(uri).split(",")[1]).decode()
    assert inner == "<svg><text>~/x</text></svg>"


def test_every_text_of_a_notebook_is_scrubbed_and_the_notebook_itself_left_alone():
    v4 = nbformat.v4
    outputs = [
        v4.new_output("stream", text="at /home/ann/x"),
        v4.new_output("display_data", data={"text/html": "<b>/home/ann</b>", "image/png": "/home/ann"}),
        v4.new_output("error", ename="E", evalue="/home/ann", traceback=["in /home/ann/y"]),
    ]
    nb = v4.new_notebook(cells=[v4.new_code_cell("open('/srv/sets/a')", outputs=outputs)])
    clean = scrub_notebook(nb, cleaned)
    first, second, third = clean.cells[0].outputs
    assert clean.cells[0].source == "open('‹data›/sets/a')"
    assert (first.text, second.data["text/html"], second.data["image/png"]) == ("at ~/x", "<b>~</b>", "/home/ann")
    assert (third.evalue, third.traceback) == ("~", ["in ~/y"])
    assert "/home/ann" in nb.cells[0].outputs[0].text


def test_the_known_roots_hold_home_interpreter_and_repository():
    names = set(known_roots(Path("/somewhere/scanbook"), [Path("/sets/heart")]).values())
    assert {"~", "‹repository›", "‹data›/heart"} <= names


def test_what_is_collected_names_versions_and_no_user_host_or_home(tmp_path):
    facts = collect(packages=("numpy", "no-such-package"), root=tmp_path, threads=2, extra={"seeds": "0, 1"})
    text = " ".join([*facts, *facts.values()])
    assert next(iter(facts)) == "seeds"
    assert facts["numpy"][0].isdigit()
    assert "no-such-package" not in facts
    assert facts["threads"] == "2"
    assert str(Path.home()) not in text
    assert socket.gethostname() not in text.split()
    assert getpass.getuser() not in text.split()


def test_without_a_repository_the_commit_is_not_known(tmp_path, monkeypatch):
    assert commit(tmp_path).startswith("not known")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path).startswith("not known")


def test_a_changed_file_makes_the_commit_modified(tmp_path):
    def git(*words):
        subprocess.run(
            ["git", "-C", tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
            check=True,
            capture_output=True,
        )

    (tmp_path / "a").write_text("1")
    git("init")
    git("add", "a")
    git("commit", "-m", "one")
    (tmp_path / "untracked").write_text("1")
    clean = commit(tmp_path)
    (tmp_path / "a").write_text("2")
    assert len(clean) == 12
    assert commit(tmp_path) == f"{clean}, modified"


def test_the_foot_escapes_what_it_is_given():
    assert as_html({"a": "<b>"}, command="make <x>") == (
        "<p>Make it again: <code>make &lt;x&gt;</code></p>"
        '<dl class="facts"><div><dt>a</dt><dd>&lt;b&gt;</dd></div></dl>'
    )
