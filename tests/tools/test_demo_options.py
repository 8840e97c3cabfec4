# SPDX-License-Identifier: Apache-2.0
"""tools/demo looks at what it is asked for before it installs or builds anything, and says in words what does not fit."""
import os
import socket
import stat
import subprocess
import sys

import pytest

from conftest import ROOT


def demo(*arguments, path=None):
    """tools/demo as a person would call it, on a machine where installing and building would fail by name."""
    return subprocess.run([ROOT / "tools/demo", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PATH": path or os.environ["PATH"]})


@pytest.fixture
def bare(tmp_path):
    """A PATH on which apt-get, cmake and npm say that they were called."""
    for name in ("apt-get", "cmake", "npm", "dpkg-query", "sudo"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho too early >&2\nexit 1\n")
        program.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.parametrize("arguments, words", [
    (("--http-port", "99999"), "argument --http-port: found '99999', expected a port from 1 to 65535"),
    (("--mqtt-port", "-1"), "argument --mqtt-port"), (("--http-port", "web"), "expected a port"),
    (("--http-port", "65535"), "expected less"), (("--speed", "fast"), "found 'fast', expected a number"),
    (("--log", "files"), "invalid choice: 'files'"), (("--replay", "/no/such.csv"), "found no file /no/such.csv"),
    (("--dir", "/etc/hostname"), "which is no directory"), (("--htp-port", "1"), "unrecognized arguments: --htp-port")])
def test_options_that_do_not_fit_are_told_before_anything_is_done(bare, arguments, words):
    done = demo(*arguments, path=bare)
    assert done.returncode != 0
    assert words in done.stderr and "Traceback" not in done.stderr and "too early" not in done.stderr
    assert done.stdout == ""


def test_a_port_that_is_taken_is_told_before_anything_is_done(bare):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo("--mqtt-port", port, "--http-port", 0, path=bare)
    assert done.returncode == 1 and f"port {port} for Mosquitto (--mqtt-port) is taken" in done.stderr
    assert "too early" not in done.stderr


def test_what_the_printed_commands_read_is_for_this_user_alone(tmp_path):
    sys.path.insert(0, str(ROOT / "tools/lib"))
    import demo as program
    options = type("Options", (), {"mqtt_port": 0, "http_port": 0, "log": "lmdb"})()
    layout = program.Layout(tmp_path, options)
    layout.api_key = "trib_x"
    layout.write_clients()
    for name in ("mosquitto_pub", "key.header"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert (tmp_path / "key.header").read_text() == "X-API-Key: trib_x\n"
    assert (tmp_path / "mosquitto_pub").read_text().splitlines() == [
        "-h 127.0.0.1", f"-p {layout.mqtt}", "-u sensor", f"-P {layout.passwords['sensor']}"]


def test_what_its_first_commands_need_is_what_it_installs():
    packages = (ROOT / "tools/lib/common.sh").read_text()
    run = next(line for line in packages.splitlines() if line.startswith("PACKAGES_RUN="))
    assert "mosquitto-clients" in run and "curl" in run
