"""Clusters start and stop as promised: side by side, detached, interrupted, killed, or failing to start."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devcluster import Cluster, DevClusterError, state
from devcluster.errors import ComponentDiedError
from devcluster.folders import PROJECT_ROOT
from devcluster.processes import ProcessRecord, ProcessSet, stop_recorded
from tests.devcluster.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVCLUSTER = [sys.executable, "-m", "devcluster"]


def devcluster(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEVCLUSTER, *arguments], cwd=PROJECT_ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def started_by(name: str) -> tuple[ProcessRecord, ...]:
    """The processes of the cluster of that name."""
    return state.find_state(name).processes


@pytest.fixture
def name() -> Iterator[str]:
    chosen = f"test-{os.getpid()}"
    yield chosen
    devcluster("down", "--name", chosen)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.exhaustive
def test_two_clusters_side_by_side(cluster: Cluster) -> None:
    with Cluster.start(kong=False) as other:
        assert cluster.server != other.server
        other.kubectl("create", "namespace", "only-in-the-other")
        assert cluster.api.get("/api/v1/namespaces/only-in-the-other") is None
        processes = other.processes.records
    assert not any(record.alive for record in processes)
    assert not other.kubeconfig.exists()
    assert (other.logs / "kube-apiserver.log").exists()
    cluster.processes.check()


def test_up_status_env_down(name: str) -> None:
    up = devcluster("up", "--name", name, "--no-kong")
    assert up.returncode == 0, up.stderr
    processes = started_by(name)
    assert all(record.alive for record in processes)

    again = devcluster("up", "--name", name)
    assert (again.returncode, "runs already" in again.stderr) == (1, True)
    assert f"{name}  running" in devcluster("status").stdout
    nodes = subprocess.run(
        ["/bin/sh", "-c", f"{devcluster('env', '--name', name).stdout}\nkubectl get nodes --output=name"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert nodes.stdout == "node/simulated-node\n"

    down = devcluster("down", "--name", name)
    assert (down.returncode, any(record.alive for record in processes)) == (0, False)
    assert f"No cluster named '{name}' runs" in devcluster("down", "--name", name).stderr


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, *(pytest.param(number, marks=pytest.mark.exhaustive) for number in (signal.SIGINT, signal.SIGTERM))]
)
def test_nothing_outlives_the_parent(name: str, number: signal.Signals) -> None:
    script = f"""
import sys, time
from devcluster import Cluster
with Cluster.start({name!r}, kong=False):
    print("up", flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        try:
            assert parent.stdout.readline() == b"up\n"
            processes = started_by(name)
            assert len([record for record in processes if record.alive]) == 5
            parent.send_signal(number)
            parent.wait(timeout=30)
        finally:
            parent.kill()  # otherwise the end of the block waits for it
    until(lambda: not any(record.alive for record in processes), seconds=10)


def test_a_list_whose_reader_is_gone_ends_without_a_traceback() -> None:
    with subprocess.Popen([*DEVCLUSTER, "status"], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as status:
        assert status.stdout is not None
        status.stdout.close()
        _, errors = status.communicate(timeout=30)
    assert (status.returncode, errors) == (128 + signal.SIGPIPE, b"")


def test_a_command_runs_in_a_cluster_of_its_own_and_gives_its_exit_code() -> None:
    done = devcluster("run", "--no-kong", "--", "/bin/sh", "-c", "kubectl get nodes --output=name; echo $KUBECONFIG; exit 7")
    node, kubeconfig = done.stdout.split()
    assert (done.returncode, node) == (7, "node/simulated-node")
    assert not os.path.lexists(kubeconfig)


@pytest.mark.exhaustive
def test_ctrl_c_stops_a_run() -> None:
    command = [*DEVCLUSTER, "run", "--no-kong", "--", "/bin/sh", "-c", "echo $KUBECONFIG; exec sleep 600"]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as run:
        assert run.stdout is not None
        kubeconfig = run.stdout.readline().decode().strip()
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=30)
    assert (run.returncode, errors.decode().splitlines()[-1]) == (130, "devcluster: interrupted")
    assert not os.path.lexists(kubeconfig)


def test_a_component_that_cannot_start_is_named_with_its_log(tmp_path: Path, name: str) -> None:
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho starting\necho the disk is on fire\nexit 3\n")
    broken.chmod(0o755)
    up = devcluster("up", "--name", name, KUBEBUILDER_ASSETS=str(tmp_path))
    assert up.returncode == 1
    assert "Traceback" not in up.stderr
    found = re.search(r"etcd ended with exit code 3\. The end of its log \((.+)\):\n  starting\n  the disk is on fire", up.stderr)
    assert found is not None, up.stderr
    assert Path(found[1]).read_text() == "starting\nthe disk is on fire\n"
    assert f"No cluster named '{name}' runs" in devcluster("env", "--name", name).stderr


def test_a_reused_process_id_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    real = ProcessRecord.of("sleeper", sleeper.pid)
    stop_recorded([ProcessRecord("sleeper", sleeper.pid, "another-boot/1")])
    assert real.alive
    stop_recorded([real])
    assert sleeper.wait(timeout=10) == -signal.SIGTERM


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    processes = ProcessSet(tmp_path, lambda: None)
    stubborn = processes.start("stubborn", ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    until(lambda: stubborn.log.read_text() == "ready\n")
    processes.stop_all(grace=0.2)
    assert not stubborn.record.alive


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    processes = ProcessSet(tmp_path, lambda: None)
    ghost = processes.start("ghost", ["/nowhere/ghost"])
    until(lambda: not ghost.running)
    with pytest.raises(ComponentDiedError, match="/nowhere/ghost cannot be started: No such file"):
        processes.check()
    processes.stop_all()


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(DevClusterError, match="lower-case letters"):
        Cluster.start("../outside")
