from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fleet import fleet, repository, results, summary
from front_ends import LEAKING, environment

from leaklint.fleet.cluster import ClusterError, connected

COUNT = 24
FILES = 5


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def process(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A part of the cluster. Its lines are not measured: a process that is killed cannot write them down."""
    kept = {name: value for name, value in environment().items() if not name.startswith("COV")}
    with (cwd / f"{len(list(cwd.glob('*.log')))}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=cwd, env=kept, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield started
        finally:
            started.kill()
            started.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and two workers on loopback; hands out the address, and the worker that may be killed."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed (extra `fleet`)")
    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"
    common = ("--no-dashboard", "--host", "127.0.0.1")
    worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", *common)
    scheduler = ("distributed.cli.dask_scheduler", "--port", port, *common)
    with process(*scheduler, cwd=folder), process(*worker, cwd=folder), process(*worker, cwd=folder) as victim:
        deadline = time.monotonic() + 90
        while sum(b"Registered to" in log.read_bytes() for log in folder.glob("*.log")) < 2:
            assert time.monotonic() < deadline, [log.read_text(encoding="utf-8") for log in folder.glob("*.log")]
            time.sleep(0.2)
        yield address, victim


@pytest.mark.skipif(os.name == "nt", reason="processes are killed in another way there")
def test_every_repository_is_done_once_though_a_worker_dies(tmp_path: Path) -> None:
    many = tmp_path / "many"
    for number in range(COUNT):
        files = {f"leaking{copy}.py": LEAKING.replace("Transform", f"T{number}x{copy}") for copy in range(FILES)}
        repository(many / f"r{number}", dict(files))
    (tmp_path / "logs").mkdir()
    with cluster(tmp_path / "logs") as (address, victim):
        command = [sys.executable, "-m", "leaklint", "fleet", "many", "--scheduler", address, "-q"]
        with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE) as driver:
            records = tmp_path / "leaklint-fleet" / "repositories"
            deadline = time.monotonic() + 120
            while len(list(records.glob("*/record.json"))) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert len(list(records.glob("*/record.json"))) < COUNT
            os.kill(victim.pid, signal.SIGKILL)
            told = driver.communicate(timeout=240)[1]
        assert driver.returncode == 0, told
    found = summary(tmp_path)
    assert len({one["repository"] for one in found["repositories"]}) == len(found["repositories"]) == COUNT
    assert found["totals"]["repaired"] == found["totals"]["findings"] == COUNT * FILES
    assert found["totals"]["failed"] == 0
    assert fleet("many", "-o", "here", "-q", "-j", "1", cwd=tmp_path).returncode == 0
    for name in ("r0-", f"r{COUNT - 1}-"):
        for file in ("repair.patch", "findings.json", "findings.sarif"):
            assert (results(tmp_path, name) / file).read_bytes() == (
                results(tmp_path, name, "here") / file
            ).read_bytes()


def test_a_scheduler_that_does_not_answer_is_told(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed (extra `fleet`)")
    repository(tmp_path / "one")
    done = fleet("one", "--scheduler", f"tcp://127.0.0.1:{free_port()}", cwd=tmp_path)
    assert done.returncode == 2
    assert b"does not answer" in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"flake8-leaklint\[fleet\]"), connected("tcp://127.0.0.1:1"):
        pass
