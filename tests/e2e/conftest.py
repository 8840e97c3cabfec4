# SPDX-License-Identifier: Apache-2.0
"""The system under test: the same parts as tools/demo, started the same way, on free ports."""
import pytest

from stack import Stack


@pytest.fixture(scope="module")
def log():
    """The log of the module's stack; a module that must hold with every log gives its own values."""
    return "lmdb"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, log):
    """Two gateways, one bridge, one aggregator, one Mosquitto, Kafka if it is the log; stopped at the end of the module."""
    with Stack(tmp_path_factory.mktemp("stack"), log=log) as running:
        yield running
