# SPDX-License-Identifier: Apache-2.0
"""The system under test: the same parts as tools/demo, started the same way, on free ports."""
import pytest

from stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Two gateways, one bridge, one aggregator, one Mosquitto; stopped at the end of the module."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
