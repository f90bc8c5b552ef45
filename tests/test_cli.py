from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from front_ends import CLEAN, LEAK_LINE, LEAKING, environment, leaking_file, leaklint

from leaklint import __version__
from leaklint.cli import main
from leaklint.rules import all_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leaklint.files import Found
    from leaklint.outcome import Outcome
    from leaklint.run import Work


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    result = CliRunner().invoke(main, arguments, input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def write(path: str, text: str = CLEAN) -> Path:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def repaired() -> str:
    """LEAKING as `leaklint fix` leaves it."""
    result = run("fix", "-", stdin=LEAKING.encode())
    assert result.exit_code == 0
    return result.stdout


def test_check_finds_the_leak_and_exits_with_1(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    result = run("check", "--format", "concise")
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert re.match(rf"leaking\.py:{LEAK_LINE}:\d+: LKL101 ", line)
    assert result.stderr == "Found 1 finding (1 repairable with `leaklint fix`).\n"


def test_check_of_clean_files_exits_with_0() -> None:
    write("a.py")
    result = run("check", ".")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No leaks found in 1 file.\n")


def test_check_of_a_missing_path_exits_with_2() -> None:
    write("a.py")
    result = run("check", "a.py", "nowhere.py")
    assert result.exit_code == 2
    assert result.stderr == (
        "nowhere.py: error: no such file or directory\nNo leaks found in 1 file. 1 path could not be done.\n"
    )


def test_a_bad_file_exits_with_2_and_the_others_are_still_done(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    write("broken.py", "def f(:\n")
    result = run("check", "--format", "concise", "--exit-zero")
    assert result.exit_code == 2
    assert f"leaking.py:{LEAK_LINE}:" in result.stdout
    assert "broken.py:1:7: error: " in result.stderr


def test_nothing_to_check_is_a_warning() -> None:
    result = run("check", ".")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: no Python files found\n")


def test_full_is_the_default_and_shows_the_whole_way(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    out = run("check").stdout
    assert f"--> leaking.py:{LEAK_LINE}:" in out
    for part in (
        'key = f"{state_id}_r{index}"',
        "self._get_client(key)",
        "self._clients[state_id] = ",
        ".pop(state_id, ",
    ):
        assert part in out
    assert "= help: " in out
    assert max(map(len, out.splitlines())) <= 80


def test_json_tells_the_same(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    result = run("check", "--format", "json", ".")
    assert result.exit_code == 1
    written = json.loads(result.stdout)
    (finding,) = written["findings"]
    assert (finding["code"], finding["path"], finding["line"]) == ("LKL101", "leaking.py", LEAK_LINE)
    assert finding["cache"] == "self._clients"
    assert len(finding["trace"]) >= 3
    assert finding["fix"]["safety"] == "safe"
    text = LEAKING
    for edit in reversed(finding["fix"]["edits"]):
        before = text[: edit["start"]]
        assert edit["line"] == before.count("\n") + 1
        assert edit["column"] == len(before.rpartition("\n")[2]) + 1
        text = before + edit["text"] + text[edit["end"] :]
    compile(text, "leaking.py", "exec")
    assert text != LEAKING


@pytest.mark.parametrize("output_format", ["sarif", "github"])
def test_the_other_formats_name_the_place(tmp_path: Path, output_format: str) -> None:
    leaking_file(tmp_path)
    result = run("check", "--format", output_format)
    assert result.exit_code == 1
    assert "leaking.py" in result.stdout
    assert "LKL101" in result.stdout


def test_several_jobs_say_the_same_as_one(tmp_path: Path) -> None:
    for number in range(12):
        leaking_file(tmp_path, f"package/leak_{number}.py")
    one, several = (run("check", "--format", "json", "-j", jobs) for jobs in "13")
    assert one.stdout == several.stdout
    assert len(json.loads(one.stdout)["findings"]) == 12


def test_the_report_can_go_to_a_file(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    result = run("check", "--format", "concise", "-o", "report.txt")
    assert (result.exit_code, result.stdout) == (1, "")
    assert Path("report.txt").read_text(encoding="utf-8").startswith("leaking.py:")


def test_a_report_that_cannot_be_written_exits_with_2_before_the_work(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    result = run("fix", "-o", "no/such/report.txt")
    assert result.exit_code == 2
    assert "cannot write 'no/such/report.txt': No such file or directory" in result.stderr
    assert Path("leaking.py").read_text(encoding="utf-8") == LEAKING


def test_statistics_count_instead_of_telling(tmp_path: Path) -> None:
    leaking_file(tmp_path, "a.py")
    leaking_file(tmp_path, "b.py")
    result = run("check", "--statistics")
    assert (result.exit_code, result.stdout) == (1, "    2  LKL101  derived-key-leak\n")


def test_quiet_leaves_the_summary_out(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    result = run("check", "-q", "--format", "concise")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


def test_exit_zero_hides_findings_from_the_exit_code(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    assert run("check", "--exit-zero").exit_code == 0


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (("--select", "LKL102"), 0),
        (("--select", "LKL102,LKL101"), 1),
        (("--select", "LKL102", "--select", "lkl101"), 1),
        (("--select", "ALL"), 1),
        (("--ignore", "LKL101"), 0),
        (("--ignore", "LKL1", "--extend-select", "LKL101"), 1),
        (("--extend-select", "LKL102"), 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_rules_are_chosen_on_the_command_line(tmp_path: Path, options: tuple[str, ...], exit_code: int) -> None:
    leaking_file(tmp_path)
    assert run("check", *options).exit_code == exit_code


def test_configuration_holds_for_its_own_repository(tmp_path: Path) -> None:
    for repository in ("one", "two"):
        leaking_file(tmp_path, f"{repository}/src/a.py")
        leaking_file(tmp_path, f"{repository}/generated/b.py")
    write("one/pyproject.toml", '[tool.leaklint]\nignore = ["LKL101"]\n')
    write("two/pyproject.toml", '[tool.leaklint]\nper-file-ignores = { "generated/" = ["LKL101"] }\n')
    write("two/.gitignore", "/ignored\n")
    leaking_file(tmp_path, "two/ignored/c.py")
    found = [line.split(":")[0] for line in run("check", "--format", "concise", "one", "two").stdout.splitlines()]
    assert found == ["two/src/a.py"]
    found = [line.split(":")[0] for line in run("check", "--isolated", "--format", "concise").stdout.splitlines()]
    assert found == ["one/generated/b.py", "one/src/a.py", "two/generated/b.py", "two/src/a.py"]
    assert run("check", "one", "--select", "LKL101").exit_code == 1


def test_a_broken_configuration_exits_with_2_and_says_where() -> None:
    write("a.py")
    write("pyproject.toml", '[tool.leaklint]\nselct = ["LKL101"]\n')
    result = run("check")
    assert result.exit_code == 2
    assert "pyproject.toml:2: error: [tool.leaklint] has no key 'selct'; did you mean 'select'?" in result.stderr


def test_comments_silence_findings(tmp_path: Path) -> None:
    write("leaking.py", LEAKING.replace('_r{index}"\n', '_r{index}"  # noqa: LKL101\n'))
    assert run("check").exit_code == 0
    assert run("fix").exit_code == 0
    assert "noqa" in Path("leaking.py").read_text(encoding="utf-8")
    assert "finally" in Path("leaking.py").read_text(encoding="utf-8")
    assert run("fix", "--diff").stdout == ""


def test_standard_input_has_the_settings_of_its_name(tmp_path: Path) -> None:
    write(
        "package/pyproject.toml",
        '[tool.leaklint]\nper-file-ignores = { "quiet.py" = ["LKL101"] }\nexclude = ["out.py"]',
    )
    result = run("check", "-", "--format", "concise", "--stdin-filename", "package/loud.py", stdin=LEAKING.encode())
    assert result.exit_code == 1
    assert result.stdout.startswith(f"package/loud.py:{LEAK_LINE}:")
    assert run("check", "-", "--stdin-filename", "package/quiet.py", stdin=LEAKING.encode()).exit_code == 0
    assert run("check", "-", "--stdin-filename", "package/out.py", stdin=LEAKING.encode()).exit_code == 1
    forced = run("check", "-", "--force-exclude", "--stdin-filename", "package/out.py", stdin=LEAKING.encode())
    assert forced.exit_code == 0


def test_standard_input_without_a_name() -> None:
    result = run("check", "-", "--format", "concise", stdin=LEAKING.encode())
    assert result.stdout.startswith(f"stdin:{LEAK_LINE}:")
    assert run("check", "-", stdin=b"def f(:\n").stderr.startswith("stdin:1:7: error: ")


def test_standard_input_with_a_broken_configuration_exits_with_2() -> None:
    write("pyproject.toml", "[tool.leaklint")
    result = run("fix", "-", stdin=b"a = 1\n")
    assert result.exit_code == 2
    assert result.stdout == "a = 1\n"
    assert result.stderr.startswith("pyproject.toml:1")


def test_fix_repairs_and_exits_with_0(tmp_path: Path, repaired: str) -> None:
    path = leaking_file(tmp_path)
    result = run("fix")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Repaired 1 finding in 1 file; none left.\n"
    assert path.read_text(encoding="utf-8") == repaired
    assert run("check").exit_code == 0
    assert run("fix").stderr == "No leaks found in 1 file.\n"


def test_fix_leaves_what_was_not_chosen(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    assert run("fix", "--ignore", "LKL101").exit_code == 0
    assert path.read_text(encoding="utf-8") == LEAKING


def test_fix_of_a_bad_file_exits_with_2_and_leaves_it(tmp_path: Path) -> None:
    path = leaking_file(tmp_path)
    broken = write("broken.py", "def f(:\n")
    result = run("fix", "--exit-zero")
    assert result.exit_code == 2
    assert path.read_text(encoding="utf-8") != LEAKING
    assert broken.read_text(encoding="utf-8") == "def f(:\n"


def test_a_patch_writes_nothing_and_git_can_apply_it(tmp_path: Path, repaired: str) -> None:
    path = leaking_file(tmp_path, "package/leaking.py")
    crlf = leaking_file(tmp_path, "package/crlf.py")
    crlf.write_bytes(LEAKING.replace("\n", "\r\n").encode().rstrip())
    result = run("fix", "--diff")
    assert result.exit_code == 1
    assert result.stderr == "Would repair 2 findings in 2 files; none left.\n"
    assert path.read_text(encoding="utf-8") == LEAKING
    assert result.stdout_bytes.startswith(b"--- a/package/crlf.py\n+++ b/package/crlf.py\n@@ ")
    assert b"\n\\ No newline at end of file\n" in result.stdout_bytes
    subprocess.run(["git", "apply", "-"], input=result.stdout_bytes, check=True, cwd=tmp_path)
    assert path.read_text(encoding="utf-8") == repaired
    assert crlf.read_bytes() == repaired.replace("\n", "\r\n").encode().rstrip()


def test_a_patch_can_go_to_a_file(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    assert run("fix", "--diff", "-o", "leaks.patch", "--exit-zero").exit_code == 0
    assert Path("leaks.patch").read_bytes().startswith(b"--- a/leaking.py\n")


def test_fix_is_a_filter_for_standard_input() -> None:
    result = run("fix", "-", stdin=LEAKING.encode())
    assert result.exit_code == 0
    compile(result.stdout, "stdin", "exec")
    assert result.stdout != LEAKING
    assert result.stderr == "Repaired 1 finding in 1 file; none left.\n"


@pytest.mark.parametrize("data", [b"a = 1\r\n", b"def f(:\n", b"\xff\xfe\x00", b""])
def test_a_filter_gives_back_what_it_cannot_repair(data: bytes) -> None:
    assert run("fix", "-", stdin=data).stdout_bytes == data


def test_a_filter_reports_what_is_left_on_standard_error() -> None:
    result = run("fix", "-", "--diff", stdin=LEAKING.encode())
    assert result.exit_code == 1
    assert result.stdout.startswith("--- a/stdin\n+++ b/stdin\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chek",), "No such command 'chek'. Did you mean 'check'?"),
        (("check", "--formt", "json"), "No such option '--formt'"),
        (("check", "--format", "xml"), "'xml' is not one of"),
        (("check", "--select", "LKL1O1"), "'--select': no rule is called 'LKL1O1'; did you mean 'LKL101'?"),
        (("check", "--select", ""), "'--select': there is no code in it; for no rule at all say --ignore ALL"),
        (("check", ""), "a path is empty; '.' is the working directory."),
        (("check", "-", "a.py"), "'-' reads standard input and cannot be combined with other paths."),
        (("check", "--stdin-filename", "a.py", "."), "--stdin-filename needs '-' as the only path."),
        (("fix", "--diff", "--format", "json"), "--diff cannot be combined with --format json."),
        (("check", "--statistics", "--format", "sarif"), "--statistics cannot be combined with --format sarif."),
        (("check", "-j", "0"), "0 is not in the range x>=1"),
        (("explain", "LKL110"), "no rule is called 'LKL110'; did you mean 'LKL10"),
        (("explain", "derived-key-leek"), "did you mean 'derived-key-leak'?"),
        (("explain", "lkl101x"), "no rule is called 'lkl101x'; did you mean 'LKL101'?"),
        (("explain", "lkl10"), "'lkl10' stands for several rules; name one of them: LKL101, LKL102, "),
        (("explain",), "Missing argument 'CODE'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_exits_with_2_and_says_what_is_right(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_explain_prints_the_page_of_a_rule() -> None:
    for word in ("LKL101", "lkl101", "derived-key-leak"):
        result = run("explain", word)
        assert result.exit_code == 0
        assert result.stdout.startswith("# LKL101 derived-key-leak\n")
        for section in ("What", "Why", "Bad", "Good", "Repair"):
            assert f"\n## {section}\n" in result.stdout


def test_rules_lists_every_rule() -> None:
    lines = run("rules").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        [rule.code, rule.name, "on" if rule.default else "off"] for rule in all_rules()
    ]


def test_ir_prints_what_leaklint_understands(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    result = run("ir", "leaking.py")
    assert result.exit_code == 0
    assert "Transform.process" in result.stdout
    write("broken.py", "def f(:\n")
    broken = run("ir", "broken.py")
    assert broken.exit_code == 2
    assert broken.stderr.startswith("broken.py:1:7: error: syntax error: ")


def test_help_tells_how_to_complete_and_what_exit_codes_mean() -> None:
    text = run("--help").stdout
    assert 'eval "$(_LEAKLINT_COMPLETE=bash_source leaklint)"' in text
    assert "0 nothing found, 1 findings, 2 could not do the job" in text
    for command in ("check", "fix", "explain", "rules", "ir", "demo", "clean", "fleet"):
        assert f"\n  {command} " in text
    assert "..." not in text.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("typed", "position", "before"),
    [("leaklint explain lkl10", "2", ""), ("leaklint check --select LKL201,LKL10", "3", "LKL201,")],
)
def test_completion_offers_codes(typed: str, position: str, before: str) -> None:
    script = Path(sys.executable).with_name("leaklint")
    extra = {"_LEAKLINT_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": position}
    done = subprocess.run([script], env=environment(**extra), capture_output=True, encoding="utf-8", check=False)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == [
        f"{before}{rule.code}" for rule in all_rules() if rule.code.startswith("LKL10")
    ]


def test_the_version_is_quick_to_tell(tmp_path: Path) -> None:
    code = "import sys; from leaklint.cli import main; main(['--version'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=tmp_path)
    version, modules = done.stdout.splitlines()
    assert version == f"leaklint {__version__}"
    assert not {"libcst", "rich", "leaklint.analyze", "flake8"} & set(modules.split())


def test_it_runs_as_a_module_and_as_a_script(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    module = leaklint("check", "--format", "concise", cwd=tmp_path)
    script = Path(sys.executable).with_name("leaklint")
    done = subprocess.run([script, "check", "--format", "concise"], cwd=tmp_path, capture_output=True, check=False)
    assert module.returncode == done.returncode == 1
    assert module.stdout == done.stdout != b""


def test_an_ascii_terminal_gets_escapes(tmp_path: Path) -> None:
    write("café.py", LEAKING.replace("rows", "zeilen_ü"))
    done = leaklint("check", cwd=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert b"caf\\xe9.py" in done.stdout


@pytest.mark.parametrize("output_format", ["json", "sarif"])
def test_json_is_utf8_whatever_the_terminal_speaks(output_format: str, tmp_path: Path) -> None:
    write("café.py", LEAKING)
    done = leaklint("check", "--format", output_format, cwd=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert json.loads(done.stdout.decode("utf-8"))
    assert "café.py" in done.stdout.decode("utf-8") or "caf%C3%A9.py" in done.stdout.decode("utf-8")


def test_an_interrupt_exits_with_2_and_leaves_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = leaking_file(tmp_path)

    def interrupted(work: Work, files: Sequence[Found], jobs: int | None) -> Iterator[Outcome]:
        yield work(files[0])
        raise KeyboardInterrupt

    monkeypatch.setattr("leaklint.run.run", interrupted)
    result = run("fix")
    assert result.exit_code == 2
    assert result.stderr == "leaklint: interrupted\n"
    assert path.read_text(encoding="utf-8") == LEAKING


def on_terminal(*arguments: str, cwd: Path) -> tuple[int, bytes]:
    """Run leaklint on a terminal of its own: exit code and what it wrote there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "leaklint", *arguments]
    extra = environment(TERM="xterm-256color")
    process = subprocess.Popen(command, cwd=cwd, env=extra, stdout=theirs, stderr=theirs)
    os.close(theirs)
    out = b""
    # An error is how Linux says that the other end was closed.
    with suppress(OSError):
        while part := os.read(ours, 4096):
            out += part
    os.close(ours)
    return process.wait(timeout=60), out


def test_on_a_terminal_there_is_colour(tmp_path: Path) -> None:
    leaking_file(tmp_path)
    code, out = on_terminal("check", cwd=tmp_path)
    assert code == 1
    assert b"\x1b[1;31mLKL101\x1b[0m" in out


def test_on_a_terminal_a_rule_s_page_is_set_in_type(tmp_path: Path) -> None:
    code, out = on_terminal("explain", "LKL101", cwd=tmp_path)
    assert code == 0
    assert b"\x1b[" in out
    assert b"## What" not in out


def test_the_demonstration_gets_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def demonstrate(pictures: Path) -> int:
        seen.append(pictures)
        return 0

    monkeypatch.setattr("leaklint.demo.demonstration.main", demonstrate)
    assert run("demo", "--pictures", "somewhere").exit_code == 0
    assert seen == [Path("somewhere")]
