"""Plans of steps on a GPU machine: in order, within their time, whatever fails."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import check
import pytest
import run
import steps
from running import has_passed, run_step
from steps import PLANS, STEPS, Command, Plan, Python, Setting, modules_checks

ROOT = Path(__file__).parents[3]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    python = Python(sys.executable)
    return Setting(python, python, ("models/vox-256", "bundled"), tmp_path, 100, "", ())


def python(code: str) -> Command:
    return Command((sys.executable, "-c", code))


def test_a_step_keeps_what_its_commands_print(tmp_path: Path) -> None:
    commands = [python("print('one')"), python("import sys; sys.exit(3)"), Command(("no-such-program",))]
    record = run_step("step", commands, tmp_path, 60)
    assert [command["exit_code"] for command in record["commands"]] == [0, 3, None]
    assert not has_passed(record)
    assert json.loads((tmp_path / "step.json").read_text()) == record
    assert "one" in (tmp_path / "step.log").read_text()


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    slow = "print('begun', flush=True); import time; time.sleep(600)"
    record = run_step("slow", [python(slow), python("print('never')")], tmp_path, 1.5)
    assert [command["exit_code"] for command in record["commands"]] == [-9, None]
    log = (tmp_path / "slow.log").read_text()
    assert "begun" in log
    assert "killed after" in log


def test_a_plan_goes_on_and_writes_after_every_step(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def result() -> None:
        found = setting.output / "plan.json"
        seen.append([record["step"] for record in json.loads(found.read_text())] if found.exists() else [])

    def step(code: str) -> object:
        def commands(_setting: Setting) -> list[Command]:
            result()
            return [python(code)]

        return commands

    made = {"fails": step("raise SystemExit(1)"), "breaks": step("1 / 0"), "works": step("print('fine')")}
    monkeypatch.setattr(run, "STEPS", made)
    monkeypatch.setattr(run, "PLANS", {"plan": Plan(60, dict.fromkeys(made, 30.0))})
    records = run.run_plan("plan", setting)
    assert [has_passed(record) for record in records] == [False, False, True]
    assert seen == [[], ["fails"], ["fails", "breaks"]]


def test_a_plan_ends_in_time(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {name: lambda _: [python("import time; time.sleep(600)")] for name in ("first", "second", "third")}
    monkeypatch.setattr(run, "STEPS", slow)
    monkeypatch.setattr(run, "PLANS", {"plan": Plan(4, {"first": 1.5, "second": 600, "third": 600})})
    codes = [record["commands"][0]["exit_code"] for record in run.run_plan("plan", setting)]
    assert codes == [-9, -9, None]


def test_plans_are_of_known_steps() -> None:
    assert max(plan.limit_s for plan in PLANS.values()) <= 480
    for plan in PLANS.values():
        assert set(plan.steps) <= set(STEPS)


def test_every_command_names_files_that_exist(setting: Setting) -> None:
    for make in STEPS.values():
        for command in make(setting):
            files = [argument for argument in command.arguments if argument.startswith(str(ROOT)) and ".py" in argument]
            assert all(Path(file).exists() for file in files), command


def test_the_first_plan_needs_no_engines(setting: Setting) -> None:
    commands = [str(command) for step in PLANS["first"].steps for command in STEPS[step](setting)]
    assert not [command for command in commands if "test_tensorrt" in command or "engine_matrix" in command]
    assert sum("rivals.py" in command for command in commands) == len(steps.RIVALS)


def test_dry_run_prints_the_commands(tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "gpu" / "run.py"
    command = [sys.executable, str(script), "first", "--dry-run", "-o", str(tmp_path)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("nvidia-smi ")
    assert "throughput.py" in made.stdout
    assert not list(tmp_path.iterdir())


def test_steps_of_a_plan_know_their_limit(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of a single step: engines must not start a set that the plan has no time for."""
    limits: list[float] = []

    def step(given: Setting) -> list[Command]:
        limits.append(given.limit_s)
        return []

    monkeypatch.setattr(run, "STEPS", {"short": step, "long": step})
    monkeypatch.setattr(run, "PLANS", {"plan": Plan(20, {"short": 5, "long": 60})})
    run.run_plan("plan", setting)
    assert limits[0] == 5
    assert 15 <= limits[1] <= 20


def test_the_second_plan_builds_the_engines_that_matter(setting: Setting) -> None:
    (command,) = STEPS["engines-fp16"](setting)
    text = str(command)
    assert "--precision fp16 --layout split --batch 1 32 --seconds 50" in text
    assert text.index("vox-256") < text.index("-m bundled")


class TestMissingModules:
    """A plan starts nothing that would fail for want of a module."""

    def test_every_step_says_what_it_imports(self) -> None:
        assert set(check.NEEDS) == set(STEPS) - {"check"}

    def test_packages_by_their_names(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(
            check, "find_spec", lambda name: None if name in ("yaml", "msgspec", "cuda.core") else object()
        )
        assert check.say_what_lacks(["check", "kernel-tests", "model", "detector"])
        assert capsys.readouterr().out.splitlines() == [
            "step kernel-tests lacks msgspec, cuda.core",
            "step model lacks msgspec, yaml",
            "step detector lacks msgspec",
            "missing packages: PyYAML cuda-core msgspec",
        ]
        assert not check.say_what_lacks(["check"])

    def test_each_python_is_asked_for_its_steps(self, setting: Setting) -> None:
        other = Python("/opt/tensorrt/python")
        two = replace(setting, tensorrt=other, models=("bundled",))
        asked = {command.arguments[0]: command.arguments[2:] for command in modules_checks(PLANS["second"], two)}
        assert asked == {sys.executable: ("check",), other.path: ("engines-fp16", "throughput", "engine-tests")}

    @pytest.mark.parametrize("anyway", [False, True])
    def test_nothing_starts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], anyway: bool
    ) -> None:
        monkeypatch.setattr(run, "STEPS", {"kernels": lambda _: [python("print('begun')")]})
        monkeypatch.setattr(run, "PLANS", {"plan": Plan(60, {"kernels": 30.0})})
        missing = python("print('missing packages: msgspec'); raise SystemExit(1)")
        monkeypatch.setattr(run, "modules_checks", lambda *_: [missing])
        options = ["--anyway"] if anyway else []
        monkeypatch.setattr(sys, "argv", ["run.py", "plan", "-o", str(tmp_path), *options])
        with pytest.raises(SystemExit) as caught:
            run.main()
        assert (caught.value.code == 0) is anyway
        assert anyway or "nothing was started" in str(caught.value.code)
        printed = capsys.readouterr().out
        assert "missing packages: msgspec" in printed
        assert ("begun" in printed.replace("print('begun')", "")) is anyway
        assert (tmp_path / "plan.json").exists() is anyway
