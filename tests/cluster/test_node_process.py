"""Real containers without a cluster: what they see, how they end, and that nothing survives them."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from freshet.local.node.images import resolve
from freshet.local.node.isolate import probe
from freshet.local.node.launch.view import Mount
from freshet.local.node.launchers import Launchers
from freshet.local.node.logs import LogWriter, tail_bytes
from freshet.local.node.plan import ProcessPlan
from freshet.local.node.process import ContainerProcess, Isolation, StartError

PLAIN = Isolation(namespaces=False, why_not="the test says so")
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def private(tmp_path: Path) -> Isolation:
    """Private mounts, where the machine allows them."""
    found = await probe(tmp_path)
    if not found.namespaces:
        pytest.skip(f"no private mounts here: {found.why_not}")
    return found


@pytest.fixture(params=["private", "plain"])
async def isolation(request: pytest.FixtureRequest, tmp_path: Path) -> Isolation:
    """Both ways to run a container."""
    if request.param == "plain":
        return PLAIN
    found = await probe(tmp_path)
    if not found.namespaces:
        pytest.skip(f"no private mounts here: {found.why_not}")
    return found


def plan(script: str, *mounts: Mount, env: Mapping[str, str] | None = None, **fields: Any) -> ProcessPlan:
    values: dict[str, Any] = {
        "argv": ("sh", "-c", script),
        "env": {"PATH": "/usr/bin:/bin", **(env or {})},
        "cwd": "/",
        "mounts": mounts,
        "keep": (),
        "read_only_root": False,
        "drop_capabilities": False,
        "no_new_privileges": False,
        **fields,
    }
    return ProcessPlan(**values)


def project(code: str, *mounts: Mount) -> ProcessPlan:
    """Python code in freshet's own image."""
    image = resolve("freshet")
    return plan("", *mounts, argv=("python", "-c", code), env=image.env, keep=image.keep)


async def start(
    folder: Path, asked: ProcessPlan, isolation: Isolation, launchers: Launchers | None = None
) -> tuple[ContainerProcess, Path]:
    message = _message(folder)
    log = LogWriter(folder / "log")
    process = await ContainerProcess.start(
        launchers=launchers or Launchers(spares=0),
        plan=asked,
        hostname="host-1",
        folder=folder,
        termination_log=message,
        log=log,
        isolation=isolation,
    )
    return process, log.path


def _message(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    message = folder / "message"
    message.touch()
    return message


async def run(folder: Path, asked: ProcessPlan, isolation: Isolation) -> tuple[int, str]:
    process, path = await start(folder, asked, isolation)
    code = await asyncio.wait_for(process.wait(), 30)
    return code, tail_bytes(path).decode()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
async def test_exit_codes(tmp_path: Path, isolation: Isolation, script: str, code: int) -> None:
    assert (await run(tmp_path, plan(script), isolation))[0] == code


async def test_output_environment_and_folder(tmp_path: Path, isolation: Isolation) -> None:
    asked = plan("echo $A; pwd; echo oops >&2; cat; env | wc -l", env={"A": "ä 1"}, cwd="/usr")
    code, output = await run(tmp_path, asked, isolation)
    lines = output.splitlines()
    assert code == 0
    assert {"ä 1", "/usr", "oops"} < set(lines)
    assert int(max(lines, key=str.isdigit)) <= 8


async def test_what_cannot_start_says_why(tmp_path: Path, isolation: Isolation) -> None:
    with pytest.raises(StartError, match='exec: "no-such-program": executable file not found'):
        await start(tmp_path, plan("", argv=("no-such-program",)), isolation)
    with pytest.raises(StartError, match="working folder /proc/no"):
        await start(tmp_path, plan("true", cwd="/proc/no"), isolation)


async def test_a_launcher_that_waited_does_as_well_and_none_stays(tmp_path: Path, isolation: Isolation) -> None:
    launchers = Launchers(spares=1)
    launchers.fill()
    waited = await launchers.take()
    again = await launchers.take()
    await launchers.aclose()
    assert waited.process.pid != again.process.pid
    for launcher in (waited, again):
        assert launcher.process.stdin is not None
        launcher.process.stdin.close()
        assert await asyncio.wait_for(launcher.process.wait(), 30) == 128
        os.close(launcher.reading)
    pool = Launchers(spares=2)
    pool.fill()
    process, path = await start(tmp_path, plan("echo hello"), isolation, pool)
    assert await process.wait() == 0
    assert tail_bytes(path) == b"hello\n"
    await pool.aclose()


async def test_sigterm_reaches_the_group(tmp_path: Path, isolation: Isolation) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo up; sleep 60 & wait"
    process, path = await start(tmp_path, plan(script), isolation)
    await _until(lambda: b"up" in tail_bytes(path))
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 30) == 5
    assert tail_bytes(path) == b"up\nbye\n"


async def test_sigterm_right_after_the_start_is_not_lost(tmp_path: Path, isolation: Isolation) -> None:
    process, _ = await start(tmp_path, plan("", argv=("sleep", "60")), isolation)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 30) == 143


async def test_kill_ends_what_ignores_sigterm_and_left_its_session(tmp_path: Path, isolation: Isolation) -> None:
    marker = f"31{os.getpid()}.5"
    script = f"trap '' TERM; setsid sleep {marker} & echo up; sleep {marker}"
    process, path = await start(tmp_path, plan(script), isolation)
    await _until(lambda: b"up" in tail_bytes(path))
    process.terminate()
    await process.kill()
    assert await asyncio.wait_for(process.wait(), 30) == 137
    await _until(lambda: not _running(marker))


async def test_what_is_left_behind_ends_with_the_container(tmp_path: Path, isolation: Isolation) -> None:
    marker = f"32{os.getpid()}.5"
    code, _ = await run(tmp_path, plan(f"setsid sleep {marker} >/dev/null 2>&1 & exit 0"), isolation)
    assert code == 0
    await _until(lambda: not _running(marker))


async def test_mounts_appear_without_touching_the_machine(tmp_path: Path, private: Isolation) -> None:
    data, scratch, token = (tmp_path / name for name in ("data", "scratch", "token"))
    for folder in (data, scratch, token):
        folder.mkdir()
    (token / "token").write_text("t")
    message = tmp_path / "message"
    mounts = (
        Mount(source=str(data), path="/freshet-data/deep"),
        Mount(source=str(scratch), path="/tmp"),
        Mount(source=str(token), path="/var/run/secrets/kubernetes.io/serviceaccount", read_only=True),
        Mount(source=str(token / "token"), path="/freshet-data/deep/nested/file"),
        Mount(source=str(message), path="/dev/termination-log"),
    )
    script = (
        "echo d > /freshet-data/deep/d && echo s > /tmp/s && cat /var/run/secrets/kubernetes.io/serviceaccount/token"
        " && cat /freshet-data/deep/nested/file && echo m > /dev/termination-log && echo w > /dev/shm/w && hostname"
        " && ! touch /var/run/secrets/kubernetes.io/serviceaccount/x 2>/dev/null"
    )
    code, output = await run(tmp_path, plan(script, *mounts), private)
    assert (code, output) == (0, "tthost-1\n")
    assert (data / "d").read_text() == "d\n"
    assert (scratch / "s").read_text() == "s\n"
    assert message.read_text() == "m\n"
    assert "freshet-data" not in os.listdir("/")
    assert "secrets" not in os.listdir("/run")
    assert socket.gethostname() != "host-1"


async def test_a_read_only_root_is_one(tmp_path: Path, private: Isolation) -> None:
    outside, volume = tmp_path / "outside", tmp_path / "volume"
    outside.mkdir()
    volume.mkdir()
    script = (
        "touch /freshet-data/x || exit 1; touch /dev/shm/x || exit 2;"
        f" ! touch {outside}/x 2>/dev/null && ! touch /x 2>/dev/null"
    )
    asked = plan(script, Mount(source=str(volume), path="/freshet-data"), read_only_root=True)
    assert await run(tmp_path, asked, private) == (0, "")


async def test_capabilities_are_dropped(tmp_path: Path, private: Isolation) -> None:
    script = "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status"
    _, output = await run(tmp_path, plan(script, drop_capabilities=True, no_new_privileges=True), private)
    found = dict(line.split(":\t") for line in output.splitlines())
    assert found == {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1"}


async def test_process_ids_are_its_own(tmp_path: Path, private: Isolation) -> None:
    _, output = await run(tmp_path, plan("echo $$; ls /proc | grep -c '^[0-9]'"), private)
    own, visible = (int(line) for line in output.split())
    assert own == 2
    assert visible < 10


async def test_the_environment_survives_a_volume_above_it(tmp_path: Path, private: Isolation) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    above = "/" + Path(sys.prefix).parts[1]
    asked = project("import freshet; print(freshet.__version__)", Mount(source=str(empty), path=above))
    code, output = await run(tmp_path, asked, private)
    assert (code, output.count(".")) == (0, 2), output


async def test_duckdb_files_are_shared_with_their_locks(tmp_path: Path, private: Isolation) -> None:
    warehouse = tmp_path / "warehouse"
    warehouse.mkdir()
    mount = Mount(source=str(warehouse), path="/warehouse")
    opened = "import duckdb, time; c = duckdb.connect('/warehouse/w.duckdb')"
    hold = project(opened + "; print('open', flush=True); time.sleep(60)", mount)
    first, path = await start(tmp_path / "first", hold, private)
    await _until(lambda: b"open" in tail_bytes(path))
    code, output = await run(tmp_path / "second", project(opened, mount), private)
    assert code == 1
    assert "lock" in output
    await first.kill()
    await first.wait()
    assert await run(tmp_path / "third", project(opened, mount), private) == (0, "")


async def test_plain_refuses_other_mounts(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"cannot mount /data: .* hostPath that equals its mountPath"):
        await start(tmp_path, plan("true", Mount(source=str(tmp_path), path="/data")), PLAIN)
    code, output = await run(tmp_path, plan("echo $FRESHET_TERMINATION_LOG"), PLAIN)
    assert (code, output) == (0, f"{tmp_path / 'message'}\n")


async def test_a_mount_of_the_wrong_kind_says_so(tmp_path: Path, private: Isolation) -> None:
    with pytest.raises(StartError, match="cannot mount a folder at /etc/passwd"):
        await start(tmp_path, plan("true", Mount(source=str(tmp_path), path="/etc/passwd")), private)


AGENT = """
import asyncio, sys
from pathlib import Path
from tests.cluster.test_node_process import plan, start
from freshet.local.node.process import Isolation
async def main():
    folder = Path(sys.argv[1])
    isolation = Isolation(namespaces=sys.argv[3] == "True")
    await start(folder, plan(f"setsid sleep {sys.argv[2]} & sleep {sys.argv[2]}"), isolation)
    (folder / "up").touch()
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_everything_dies_with_the_agent(tmp_path: Path, isolation: Isolation) -> None:
    marker = f"33{os.getpid()}.5"
    arguments = ("-c", AGENT, str(tmp_path), marker, str(isolation.namespaces))
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'operator'}"}
    agent = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=env)
    await _until(lambda: (tmp_path / "up").exists() and _running(marker) >= 2)
    agent.send_signal(signal.SIGKILL)
    await agent.wait()
    await _until(lambda: not _running(marker))


def _running(marker: str) -> int:
    """How many ``sleep <marker>`` there are."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += path.read_bytes().split(b"\0")[:2] == [b"sleep", marker.encode()]
        except OSError:
            continue
    return count


async def _until(condition: Any, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
