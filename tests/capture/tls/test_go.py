"""Go's TLS in programs of every form, against Go's own tools."""

import re
import subprocess
from pathlib import Path

import pytest

from capture.tls.program import (
    BUILD_TIMEOUT_S,
    GO_FORMS,
    go_program,
    need,
    offset_of,
    said_by,
)
from capture.tls.test_scan import scanned
from podwire.capture.tls.go import FUNCTIONS, LAYOUT, MAGIC
from podwire.capture.tls.point import Family
from podwire.model.tls import Reason

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT_S)

FIELDS = """
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
)

func at(of any, path ...string) (sum uintptr) {
	each := reflect.TypeOf(of)
	for _, name := range path {
		field, _ := each.FieldByName(name)
		sum, each = sum+field.Offset, field.Type
		if each.Kind() == reflect.Pointer {
			each = each.Elem()
		}
	}
	return
}

func main() {
	tcp := reflect.TypeOf(net.TCPConn{}).Field(0).Type
	file := reflect.New(tcp.Field(0).Type.Elem()).Elem().Interface()
	fmt.Println(at(tls.Conn{}, "conn"), at(net.TCPConn{}, "fd"),
		at(file, "pfd", "Sysfd"), at(file, "family"), at(file, "sotype"))
}
"""


def returns_of(path: Path, name: str) -> set[int]:
    """Addresses of its RET instructions by `go tool objdump`."""
    wanted = f"^{re.escape(name)}$"
    lines = said_by("go", "tool", "objdump", "-s", wanted, path).splitlines()
    return {int(line.split()[1], 16) for line in lines if re.search(r"\bRET\b", line)}


def begin_of(path: Path, name: str) -> int:
    """Address of the first PUSHQ behind the first jump by `go tool objdump`."""
    wanted = f"^{re.escape(name)}$"
    lines = said_by("go", "tool", "objdump", "-s", wanted, path).splitlines()
    jump = next(number for number, line in enumerate(lines) if "\tJBE " in line)
    assert "PUSHQ BP" in lines[jump + 1]
    return int(lines[jump + 1].split()[1], 16)


def test_functions_and_returns_are_those_that_go_says() -> None:
    """Of a program with symbols."""
    path = go_program("plain")
    found = scanned(path)
    assert found
    assert set(FUNCTIONS) == {point.symbol for point in found.points}
    for point in found.points:
        assert offset_of(path, begin_of(path, point.symbol)) == point.offset
        truth = {offset_of(path, at) for at in returns_of(path, point.symbol)}
        assert truth
        assert truth == set(point.returns)


@pytest.mark.parametrize("form", [form for form in GO_FORMS if form != "plain"])
def test_a_stripped_program_is_read_all_the_same(form: str, tmp_path: Path) -> None:
    """The same offsets as in the same program that was not stripped."""
    found = scanned(go_program(form))
    flags = [each.replace("-s -w", "") for each in GO_FORMS[form]]
    whole = tmp_path / "whole"
    folder = go_program(form).parent
    subprocess.run(["go", "build", "-o", whole, *flags, "."], cwd=folder, check=True)
    assert found
    for point in found.points:
        assert offset_of(whole, begin_of(whole, point.symbol)) == point.offset
        returns = {offset_of(whole, at) for at in returns_of(whole, point.symbol)}
        assert returns == set(point.returns)
    assert len(FUNCTIONS) == len(found.points)


def test_the_version_is_the_compilers() -> None:
    """As `go version` reads it from the file."""
    path = go_program("stripped")
    found = scanned(path)
    assert found
    assert Family.GO is found.family
    assert said_by("go", "version", path).split()[-1] == found.library


def test_a_go_between_two_releases_is_known_by_what_it_becomes(tmp_path: Path) -> None:
    """Such a Go says so before its version; one that nobody looked at is not read by guesses."""
    program = go_program("stripped").read_bytes()
    at = program.index(MAGIC) + 32  # length and text of the version
    version = b"devel go1.99-3fcbf04c"
    patched = bytes([len(version)]) + version
    path = tmp_path / "devel"
    path.write_bytes(program[:at] + patched + program[at + len(patched) :])
    found = scanned(path)
    assert found
    assert ("go1.99-3fcbf04c", Reason.NEW_GO, ()) == (found.library, found.reason, found.points)


def test_the_layout_is_the_compilers(tmp_path: Path) -> None:
    """As reflection says in a program that this Go builds."""
    source = tmp_path / "fields.go"
    source.write_text(FIELDS)
    need("go")
    truth = [int(word) for word in said_by("go", "run", source).split()]
    assert truth == [LAYOUT[name] for name in ("conn", "fd", "sysfd", "family", "sotype")]


def test_a_go_program_without_tls_has_nothing_to_read(tmp_path: Path) -> None:
    """Not even a reason."""
    source = tmp_path / "quiet.go"
    source.write_text("package main\n\nfunc main() {}\n")
    need("go")
    subprocess.run(["go", "build", "-o", tmp_path / "quiet", source], check=True)
    assert scanned(tmp_path / "quiet") is None
