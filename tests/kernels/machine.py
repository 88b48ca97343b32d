"""
A machine that runs one of Debian's kernels and sees this system's files.

In: a kernel, and a module of ours to run there.  Out: what it wrote, and the console.
Emulated, so no right to virtualise is needed. The files are shared read-only; what a guest writes
goes to a folder of its own, the rest stays in its memory and is gone with it.
"""

import gzip
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kernels.debian import NoKernels, Release, shell
from podwire.app.programs import die_with_parent

QEMU = "qemu-system-x86_64"
MEMORY_MB = 1536
ROOT = Path(__file__).parents[2]

COMMAND_LINE = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr no_timer_check"

INIT = """\
#!/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
/busybox mount -t proc proc /proc
for module in /modules/*; do /busybox insmod $module || echo "$module is refused"; done
/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 files /new
/busybox mount -t proc proc /new/proc
/busybox mount -t sysfs sysfs /new/sys
/busybox mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
/busybox mount -t devtmpfs devtmpfs /dev
/busybox mount -t devtmpfs devtmpfs /new/dev
/busybox mkdir -p /new/dev/shm /new/dev/pts
/busybox mount -t devpts devpts /new/dev/pts
for folder in tmp run dev/shm; do /busybox mount -t tmpfs tmpfs /new/$folder; done
/busybox mkdir /new/tmp/out
/busybox mount -t 9p -o rw,trans=virtio,version=9p2000.L,msize=524288 out /new/tmp/out
/busybox ip link set lo up
/busybox chroot /new /bin/sh -c @COMMAND@ </dev/null
echo o >/new/proc/sysrq-trigger
/busybox sleep 60
"""


@dataclass(frozen=True, slots=True)
class Run:
    """How a guest's life went."""

    seconds: float
    console: str
    is_whole: bool
    """Whether it ended by itself."""


def boot(
    kernel: Release, command: str, folder: Path, *, timeout_s: float = 600, cpus: int = 1
) -> Run:
    """Run a command of a shell in a guest; /tmp/out there is the folder. Raises `NoKernels`."""
    initial = folder / "initial"
    initial.write_bytes(gzip.compress(_initial(kernel, command), 1))
    started_s = time.monotonic()
    with (folder / "console").open("wb") as console:
        try:
            guest = subprocess.Popen(
                _qemu(kernel, initial, folder, cpus),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        except FileNotFoundError:
            raise NoKernels(f"{QEMU} is missing; run: apt-get install qemu-system-x86") from None
        try:
            guest.wait(timeout_s)
            is_whole = True
        except subprocess.TimeoutExpired:
            is_whole = False
        finally:
            guest.kill()
            guest.wait()
    seconds = time.monotonic() - started_s
    return Run(seconds, (folder / "console").read_text(errors="replace"), is_whole)


def _qemu(kernel: Release, initial: Path, folder: Path, cpus: int) -> list[str]:
    command = [
        *(QEMU, "-nodefaults", "-no-user-config", "-nographic", "-no-reboot"),
        *("-accel", "tcg", "-cpu", "max", "-smp", str(cpus), "-m", str(MEMORY_MB)),
        *("-kernel", str(kernel.image), "-initrd", str(initial), "-serial", "stdio"),
        *("-append", COMMAND_LINE),
    ]
    for tag, path, mode in (("files", Path("/"), ",readonly=on"), ("out", folder, "")):
        options = f"local,id={tag},path={path},security_model=none,multidevs=remap{mode}"
        command += ["-fsdev", options]
        command += ["-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    return command


def _initial(kernel: Release, command: str) -> bytes:
    folders = ("dev", "proc", "new", "modules")
    files = {
        "init": INIT.replace("@COMMAND@", shlex.quote(command)).encode(),
        "busybox": shell().read_bytes(),
        **{f"modules/{path.name}": path.read_bytes() for path in kernel.modules},
    }
    return archive(folders, files)


def archive(folders: tuple[str, ...], files: Mapping[str, bytes]) -> bytes:
    """A cpio archive in the form that a kernel unpacks (its "newc")."""
    entries = [(name, 0o40755, b"") for name in folders]
    entries += [(name, 0o100755, data) for name, data in files.items()]
    found = bytearray()
    for at, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (at, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = "070701" + "".join(f"{field:08x}" for field in fields)
        found += _padded(head.encode() + name.encode() + b"\0") + _padded(data)
    return bytes(found)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
