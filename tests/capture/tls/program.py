"""Real programs with TLS in them, built here in every form, and what others say of them."""

import atexit
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from podwire.app.programs import die_with_parent

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")

C = r"""
#include <openssl/ssl.h>
#include <unistd.h>
int main(void)
{
	SSL *ssl = SSL_new(SSL_CTX_new(TLS_method()));
	char data[16];
	size_t size;
	SSL_read(ssl, data, 16), SSL_read_ex(ssl, data, 16, &size);
	SSL_write(ssl, data, 16), SSL_write_ex(ssl, data, 16, &size);
	return write(1, "on\n", 3) != 3 || pause();
}
"""
GO = """
package main

import (
	"net/http"
	"os"
	"time"
)
%s
func main() {
	http.Get("https://127.0.0.1:1")
	os.Stdout.WriteString("on\\n")
	time.Sleep(time.Hour)
}
"""
CGO = '\n// #include <unistd.h>\nimport "C"\n\nvar pid = C.getpid()\n'
GO_FORMS = {
    "plain": [],
    "stripped": ["-ldflags=-s -w"],
    "pie": ["-buildmode=pie", "-ldflags=-s -w"],
    "cgo": ["-ldflags=-s -w -linkmode=external"],
    "cgo pie": ["-buildmode=pie", "-ldflags=-s -w -linkmode=external"],
}


BUILD_TIMEOUT_S = 600
"""The first Go program of a machine compiles what it uses of Go's own library."""


def need(tool: str) -> str:
    """Where it is; without it the test is skipped, and says so."""
    found = shutil.which(tool)
    if not found:
        pytest.skip(f"{tool} is not installed")
    return found


@cache
def _folder() -> Path:
    """Of all that is built here; gone with this process."""
    made = Path(mkdtemp(prefix="podwire-tls-"))
    atexit.register(shutil.rmtree, made)
    return made


def new_folder() -> Path:
    """An empty one, for what is built once and used by many tests."""
    return Path(mkdtemp(dir=_folder()))


@cache
def static_openssl() -> Path:
    """OpenSSL linked in, with symbols, as `cc` leaves it."""
    archives = [str(LIBRARIES / name) for name in ("libssl.a", "libcrypto.a")]
    source, made = _folder() / "static.c", _folder() / "static"
    if not all(Path(each).exists() for each in archives):
        pytest.skip("libssl-dev is not installed")
    source.write_text(C)
    subprocess.run([need("cc"), str(source), "-o", str(made), *archives], check=True)
    return made


@cache
def stripped_openssl() -> Path:
    """The same program without symbols."""
    made = _folder() / "static-stripped"
    subprocess.run([need("strip"), "-o", str(made), str(static_openssl())], check=True)
    return made


@cache
def go_program(form: str) -> Path:
    """A Go program that is a TLS client."""
    need("go")
    folder = _folder() / form.replace(" ", "-")
    folder.mkdir()
    folder.joinpath("main.go").write_text(GO % (CGO if "cgo" in form else ""))
    folder.joinpath("go.mod").write_text("module speaker\n\ngo 1.21\n")
    subprocess.run(["go", "build", "-o", "speaker", *GO_FORMS[form], "."], cwd=folder, check=True)
    return folder / "speaker"


def said_by(*command: str | Path) -> str:
    """Of another tool, which knows the file its own way."""
    need(str(command[0]))
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols_of(path: Path, *options: str) -> dict[str, int]:
    """Addresses of functions, as `nm` says."""
    rows = (line.split() for line in said_by("nm", *options, path).splitlines())
    return {row[2].partition("@")[0]: int(row[0], 16) for row in rows if len(row) == 3}


def offset_of(path: Path, address: int) -> int:
    """Where in the file that is, as `readelf` says."""
    for line in said_by("readelf", "-lW", path).splitlines():
        row = line.split()
        if row[:1] == ["LOAD"]:
            at, start, size = (int(row[column], 16) for column in (1, 2, 4))
            if start <= address < start + size:
                return address - start + at
    raise AssertionError(f"{path} has nothing at {address:#x}")


@contextmanager
def running(*command: str | Path) -> Iterator[int]:
    """The pid of a program that has said its first line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent) as process:
        assert process.stdout
        try:
            assert process.stdout.readline()
            yield process.pid
        finally:
            process.kill()
