"""Find out, by doing it, whether this machine lets this user build private mounts."""

import asyncio
import sys
import tempfile
from pathlib import Path

from freshet.local.node.launch.view import Mount
from freshet.local.node.launchers import Launchers
from freshet.local.node.logs import LogWriter, tail_bytes
from freshet.local.node.plan import ProcessPlan
from freshet.local.node.process import ContainerProcess, Isolation, StartError

__all__ = ["probe"]

PATIENCE = 20.0


async def probe(folder: Path) -> Isolation:
    """Run one container that does nothing, with a mount; what went wrong is in ``why_not``."""
    if sys.platform != "linux":
        return Isolation(namespaces=False, why_not="private mounts need Linux")
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as name:
        try:
            return await asyncio.wait_for(_try(Path(name)), PATIENCE)
        except StartError as error:
            return Isolation(namespaces=False, why_not=str(error).removeprefix("cannot prepare the container: "))
        except TimeoutError:
            return Isolation(namespaces=False, why_not=f"the trial did not end within {PATIENCE:.0f} s")


async def _try(folder: Path) -> Isolation:
    data = folder / "data"
    data.mkdir()
    (data / "here").touch()
    message = folder / "message"
    message.touch()
    mounts = (
        Mount(source=str(data), path="/freshet-probe/data"),
        Mount(source=str(message), path="/dev/termination-log"),
    )
    plan = ProcessPlan(
        argv=("test", "-e", "/freshet-probe/data/here"),
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        mounts=mounts,
        keep=(),
        read_only_root=True,
        drop_capabilities=True,
        no_new_privileges=True,
    )
    log = LogWriter(folder / "log")
    process = await ContainerProcess.start(
        launchers=Launchers(spares=0),
        plan=plan,
        hostname="probe",
        folder=folder,
        termination_log=message,
        log=log,
        isolation=Isolation(namespaces=True),
    )
    code = await process.wait()
    if code == 0:
        return Isolation(namespaces=True)
    return Isolation(namespaces=False, why_not=tail_bytes(log.path).decode(errors="replace").strip() or f"exit {code}")
