"""The command line as its users meet it: exit codes, streams, terminals, and no traceback for anyone's mistake."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ddx.cli import main, shown
from ddx.cli.commands import COMMANDS

TOY = str(Path(__file__).parent / "data" / "toy.yaml")
DDX = [sys.executable, "-m", "ddx"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """One command in this process: exit code, stdout, stderr."""

    def go(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return go


def process(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, away from a checkout, whose ddx would otherwise be the one that answers."""
    return subprocess.run(
        [*DDX, *arguments],
        cwd=tempfile.gettempdir(),
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("diagnose raynaud=perhaps", 3, "raynaud has no state 'perhaps'"),
        ("diagnose nosuchfinding", 3, "no finding 'nosuchfinding'"),
        ("diagnose raynaud no-raynaud", 3, "raynaud is given twice: raynaud and no-raynaud"),
        ("diagnose =present", 3, "is no finding"),
        ("diagnose raynaud=", 3, "is no finding"),
        ("diagnose raynaud=a=b", 3, "a=b"),
        ("diagnose -nausea", 3, "written no-nausea"),
        ("diagnose -c nosuchcase", 3, "nosuchcase"),
        ("diagnose -c /nonexistent/x.case.yaml", 3, "/nonexistent/x.case.yaml"),
        ("diagnose -n /nonexistent/x.yaml", 3, "/nonexistent/x.yaml"),
        ("diagnose --setting nowhere", 3, "nowhere"),
        ("diagnose paraprotein=absent mprotein-heavy=IgG", 5, "cannot occur together"),
        ("diagnose --nosuchoption", 2, "--nosuchoption"),
        ("diagnos", 2, "Did you mean diagnose"),
        ("show nosuchname", 3, "nosuchname"),
        ("show", 2, "Missing argument"),
        ("find", 2, "Missing argument"),
        ("test", 2, "Missing argument"),
        ("about nosuchnetwork", 3, "nosuchnetwork"),
        ("posterior -n scleroderma-mimics nosuchnode=1", 3, "nosuchnode"),
    ],
)
def test_a_mistake_is_one_message_and_its_code(run: Run, line: str, code: int, words: str) -> None:
    found, out, err = run(*line.split())
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    import ddx.reasoning.differential as room

    monkeypatch.setattr(room, "diagnose", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["diagnose", "raynaud", "--json"])


def test_nothing_on_the_line_shows_the_help(run: Run) -> None:
    code, out, err = run()
    assert code == 2
    assert "ddx diagnose" in out + err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"  ddx {name}" in out
    assert len(COMMANDS[name]) < 70


def test_the_version_and_the_list_of_commands(run: Run) -> None:
    assert run("--version")[1].startswith("ddx 0.")
    out = run("--help")[1]
    assert all(f"  {name} " in out for name in COMMANDS)


def test_messages_carry_no_control_characters_and_no_endless_lines() -> None:
    assert shown("a\x1b[31mb\u202e") == "a\\x1b[31mb\\u202e"
    long = shown("ok\n" + "x" * 100_000)
    assert len(long) < 1000
    assert "100,000 characters" in long


def test_an_endless_argument_is_cut_short(run: Run) -> None:
    code, _, err = run("diagnose", "x" * 100_000)
    assert code == 3
    assert len(err) < 1000
    assert len(run("diagnose", "raynaud=" + "x" * 100_000)[2]) < 2000
    assert len(run("diagnose", "--" + "x" * 100_000)[2]) < 2000


# cases


def test_a_case_comes_from_the_shelf_a_file_or_stdin(run: Run, tmp_path: Path) -> None:
    body = {"ddx": "case/1", "network": TOY, "findings": {"kind": "a", "fever": "present"}, "subject": {"sex": "male"}}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(body))
    code, from_file, _ = run("diagnose", "-c", str(path), "--json")
    assert code == 0
    as_yaml = f"ddx: case/1\nnetwork: {TOY}\nfindings: {{kind: a, fever: present}}\nsubject: {{sex: male}}\n"
    for text in (json.dumps(body), as_yaml):
        done = process("diagnose", "-c", "-", "--json", stdin=text)
        assert done.stdout == from_file
    code, out, _ = run("diagnose", "-c", "seed", "--json")
    assert json.loads(out)["setting"] == "scleroderma-clinic"


def test_the_line_adds_to_the_case_and_may_not_contradict_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.case.yaml"
    path.write_text(f"ddx: case/1\nnetwork: {TOY}\nfindings:\n  fever: present\n")
    out = run("diagnose", "-c", str(path), "kind=a", "--json")[1]
    assert [u["finding"] for u in json.loads(out)["evidence"]["used"]] == ["fever", "kind"]
    code, _, err = run("diagnose", "-c", str(path), "no-fever")
    assert code == 3
    assert "x.case.yaml:4" in err and "on the line" in err


def test_a_network_beside_the_case_is_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(Path(TOY).read_text())
    path = tmp_path / "x.case.yaml"
    path.write_text("ddx: case/1\nnetwork: own.yaml\nfindings: {fever: present}\n")
    assert run("diagnose", "-c", str(path))[0] == 0


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ("fever: no", "fever"),
        ("fever:", "fever"),
        ("fever: 1", "fever"),
        ("fever: present\n  fever: absent", "fever"),
        ("fever: {likelihood: {present: 0, absent: 0}}", "fever"),
        ("fever: {likelihood: {present: 1}}", "fever"),
    ],
)
def test_a_case_that_could_mislead_is_refused(run: Run, tmp_path: Path, findings: str, words: str) -> None:
    path = tmp_path / "x.case.yaml"
    path.write_text(f"ddx: case/1\nnetwork: {TOY}\nfindings:\n  {findings}\n")
    code, out, err = run("diagnose", "-c", str(path))
    # `no` is a plain word for absent: never false, never dropped
    if findings == "fever: no" and code == 0:
        assert "1 absent" in out
        return
    assert code == 3
    assert words in err


def test_the_shelf_needs_no_yaml_reader_the_second_time(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ddx.cli import shelved
    from ddx.knowledge import catalog

    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path))
    first = shelved.shelved_case(catalog.case_path("seed"))
    monkeypatch.setattr(shelved, "read", lambda _: pytest.fail("read anew"))
    assert shelved.shelved_case(catalog.case_path("seed")).findings[0].state == first.findings[0].state
    (kept,) = tmp_path.glob("*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("{ damaged")
    monkeypatch.undo()
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path))
    assert shelved.shelved_case(catalog.case_path("seed")).expect == first.expect


# posterior, show, find, about


def test_posterior_lists_every_state_and_the_observed_at_one(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "two.bif"
    path.write_text(
        "network two {}\nvariable D { type discrete [2] { yes, no }; }\nvariable F { type discrete [2] { yes, no }; }\n"
        "probability (D) { table 0.1, 0.9; }\nprobability (F | D) { (yes) 0.8, 0.2; (no) 0.1, 0.9; }\n"
    )
    code, out, _ = run("posterior", "-n", str(path), "F=yes", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["posteriors"]["F"] == {"yes": 1.0, "no": 0.0}
    assert found["posteriors"]["D"]["yes"] == pytest.approx(0.08 / 0.17)
    assert 10 ** found["log10_evidence"] == pytest.approx(0.17)
    text = run("posterior", "-n", str(path), "F=yes", "--plain")[1]
    assert text.startswith("1 finding used") and "not for time-critical use" in " ".join(text.split())
    assert re.search(r"D +yes +0\.4706 +######", text)
    assert run("posterior", "-n", str(path), "--setting", "x")[0] == 3


def test_posterior_and_diagnose_agree_on_the_evidence(run: Run) -> None:
    raw = json.loads(run("posterior", "-n", TOY, "kind=a", "--json")[1])
    answer = json.loads(run("diagnose", "-n", TOY, "kind=a", "--json")[1])
    assert raw["log10_evidence"] == pytest.approx(answer["log10_evidence"], abs=1e-12)
    flu = next(d for d in answer["diseases"] if d["id"] == "flu")
    assert raw["posteriors"]["flu"]["present"] == pytest.approx(flu["posterior"], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "kind", "entry", "state"),
    [
        ("mm", "disease", "multiple_myeloma", None),
        ("mgus", "disease", "mgus", None),
        ("as", "disease", "ankylosing_spondylitis", None),
        ("lcssc", "disease", "systemic_sclerosis", "limited"),
        ("dcssc", "disease", "systemic_sclerosis", "diffuse"),
        ("ssc", "disease", "systemic_sclerosis", None),
        ("raynaud", "finding", "raynaud", None),
        ("age_band", "context", "age_band", None),
    ],
)
def test_show_resolves_names(run: Run, name: str, kind: str, entry: str, state: str | None) -> None:
    found = json.loads(run("show", name, "--json")[1])
    assert (found["kind"], found["id"], found["state"]) == (kind, entry, state)


def test_show_gives_the_likelier_entry_of_a_whole_node(run: Run) -> None:
    found = json.loads(run("show", "axspa", "--json")[1])
    priors = {d["id"]: d["prior"] for d in json.loads(run("diagnose", "--json")[1])["diseases"]}
    rival = {"ankylosing_spondylitis", "nonradiographic_axspa"} - {found["id"]}
    assert priors[found["id"]] > priors[rival.pop()]


def test_show_carries_the_source_of_every_number(run: Run) -> None:
    found = json.loads(run("show", "raynaud", "--json")[1])
    assert found["tier"] == "history"
    assert found["numbers"]
    for number in found["numbers"]:
        assert number["citation"]
        assert number["grade"] in ("measured", "memory", "judgement")
    text = run("show", "raynaud", "--plain")[1]
    assert "systemic_sclerosis" in text and "measured" in text and "no-raynaud means absent" in text


def test_find_and_its_near_misses(run: Run) -> None:
    assert re.search(r"finding +raynaud +Raynaud", run("find", "raynaud")[1])
    assert "raynaud" in run("find", "raynuad")[1]
    assert run("find", "zzzzqqqq")[0] == 0
    assert json.loads(run("find", "zzzzqqqq", "--json")[1])["found"] == []


def test_about_says_what_is_inherited_and_unreviewed(run: Run) -> None:
    found = json.loads(run("about", "--json", "--engine")[1])
    clinic = next(s for s in found["settings"] if s["name"] == "scleroderma-clinic")
    assert "hypothyroidism" in clinic["inherited_priors"]
    assert clinic["complaint"] == "skin_induration=present"
    assert found["numbers"]["all"] == sum(found["numbers"]["by_grade"].values())
    assert found["engine"]["treewidth"] >= 5
    assert found["engine"]["kernel"] in ("C", "numpy")
    text = " ".join(run("about", "--plain")[1].split())
    assert "Inherited from general-population: hypothyroidism" in text
    assert "Not validated prospectively" in text
    assert "time-critical" in text


# test


def test_cases_are_checked(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.case.yaml", tmp_path / "sub" / "bad.case.yaml"
    bad.parent.mkdir()
    head = f"ddx: case/1\nnetwork: {TOY}\nfindings: {{kind: a}}\nexpect:\n"
    good.write_text(head + "  above: {flu: 0.4}\n")
    bad.write_text(head + "  above: {flu: 0.9}\n")
    code, out, _ = run("test", str(good))
    assert code == 0
    assert out.startswith("holds")
    code, out, err = run("test", str(tmp_path))
    assert code == 4
    assert "P(flu) above 0.9: it is 0.4" in out
    assert "DIAGNOSIS" in out
    assert "1 of 2 cases" in err
    code, out, err = run("test", str(tmp_path), "--json")
    assert code == 4 and "1 of 2 cases" in err
    answer = json.loads(out)
    assert answer["format"] == "ddx/test/1"
    assert [c["outcome"] for c in answer["cases"]] == ["holds", "broken"]
    (promise,) = answer["cases"][1]["broken"]
    assert promise["promise"] == "P(flu) above 0.9" and promise["found"].startswith("it is 0.4")
    bad.write_text("ddx: case/1\nfindings: {nosuch: a}\n")
    assert run("test", str(tmp_path))[0] == 3
    good.write_text(f"ddx: case/1\nnetwork: {TOY}\nfindings: {{kind: a}}\n")
    code, out, _ = run("test", str(tmp_path), "--json")
    assert code == 3
    told, refused = json.loads(out)["cases"]
    assert told == {"case": str(good), "outcome": "no promise", "broken": [], "error": None}
    assert refused["outcome"] == "error" and "nosuch" in refused["error"]
    (tmp_path / "empty").mkdir()
    assert run("test", str(tmp_path / "empty"))[0] == 3


# streams and terminals


def test_the_answer_is_the_same_bytes_everywhere() -> None:
    runs = [
        process("diagnose", "-c", "seed", "--json", PYTHONHASHSEED=seed, LC_ALL=locale, OMP_NUM_THREADS=threads)
        for seed, locale, threads in (("0", "C", "1"), ("1", "C.UTF-8", "2"))
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_an_ascii_locale_gets_ascii() -> None:
    done = process("diagnose", "doughnut-sign", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_error() -> None:
    child = subprocess.Popen([*DDX, "diagnose", "-c", "seed"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    complaint = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == 0
    assert complaint == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*DDX, "diagnose", "raynaud"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith("ddx: stdout: cannot be written")


def test_an_interrupt_ends_with_130() -> None:
    child = subprocess.Popen([*DDX, "diagnose", "-c", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None and child.stderr is not None
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    _, complaint = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in complaint


def on_a_terminal(*arguments: str, columns: int = 80, **environment: str) -> str:
    """What a person sees on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LC_ALL": "C.UTF-8", **environment}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    child = subprocess.Popen([*DDX, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(ours)
    child.wait(60)
    return seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_gets_colour_and_its_own_width(columns: int) -> None:
    seen = on_a_terminal("diagnose", "-c", "seed", columns=columns)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert "\x1b[38;5;33m" in seen
    assert max(map(len, lines)) <= columns
    assert any("█" in line for line in lines)
    assert any("  WHY" in line for line in lines) == (columns == 120)


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize(
    "words",
    ["sensitivity flu fever sex=male -n TOY", "credible fever -n TOY --draws 16", "coverage fever -n TOY",
     "posterior fever -n TOY", "show flu -n TOY", "show scleromyxedema"],
)  # fmt: skip
def test_a_page_fits_its_terminal(words: str, columns: int) -> None:
    seen = on_a_terminal(*words.replace("TOY", TOY).split(), columns=columns)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colour_gets_none(environment: dict[str, str]) -> None:
    seen = on_a_terminal("diagnose", "doughnut-sign", **environment)
    assert "\x1b" not in seen
    assert ("█" in seen) == (environment != {"TERM": "dumb"})


def test_plain_is_ascii_also_on_a_terminal() -> None:
    seen = on_a_terminal("diagnose", "doughnut-sign", "--plain")
    assert seen.isascii()
    assert "\x1b" not in seen


def test_the_help_may_lose_its_reader_too() -> None:
    child = subprocess.Popen([*DDX, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    complaint = child.stderr.read()
    child.stderr.close()
    assert (child.wait(60), complaint) == (0, b"")


# the tutorial

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial" / "first-case.md"


@pytest.mark.skipif(not TUTORIAL.exists(), reason="the documentation is not beside the tests")
def test_every_line_of_the_tutorial_can_be_typed(run: Run) -> None:
    lines = re.findall(r"^\$ ddx (.*)$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        code, out, err = run(*line.split())
        assert (code, err) == (0, ""), line
        assert out
