# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document against the server that tells it: schemathesis makes requests from the one and looks whether the
other answers as promised."""
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from stack import wait_for

SECONDS_MAX = 60


def schemathesis():
    """The program as tools/test installs it (tools/lib/common.sh)."""
    folder = os.environ.get("SCHEMATHESIS_DIR")
    if folder is None:
        cache = Path(os.environ.get("TRIBUTARY_CACHE") or Path.home() / ".cache/tributary")
        found = sorted(cache.glob("schemathesis-*/bin/schemathesis"))
        assert found, f"found no schemathesis in {cache}: tools/test installs it"
        return found[-1]
    return Path(folder) / "bin/schemathesis"


@pytest.fixture(scope="module")
def filled(stack):
    """Readings of two metrics, so that answers have something in them."""
    begin = int(time.time()) - 900
    with stack.publisher() as sensor:
        for second in range(0, 600, 5):
            for device in ("a", "b"):
                sensor.send(f"sensors/{device}", f'{{"level":{second},"temperature":21.5,"ts":{begin + second}}}')
    wait_for(lambda: stack.count("level") == 240 and stack.count("temperature") == 240, 60)
    return stack


def test_every_answer_is_as_the_document_says(filled, tmp_path):
    # Names that exist, where it would guess at random and get no further than 404.
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"query.metric" = "level"\n"query.source" = "a"\n"query.device_id" = "a"\n')
    begin = time.monotonic()
    run = subprocess.run(
        [schemathesis(), "run", filled.http + "/openapi.json", "--header", f"X-API-Key: {filled.key}",
         # A stream never ends; test_api.py reads it.
         "--exclude-path", "/api/v1/stream",
         # What the server accepts is narrower than a schema can say: from before to, durations, names that exist.
         "--exclude-checks", "positive_data_acceptance",
         "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "1", "--request-timeout", "10",
         "--continue-on-failure", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX * 3)
    took = time.monotonic() - begin
    print(run.stdout[-6000:], run.stderr[-2000:])
    assert run.returncode == 0
    assert took < SECONDS_MAX, f"{took:.0f} s"


def test_answers_with_readings_are_as_the_document_says(filled):
    """What schemathesis cannot guess: names that exist. Its validator stands in the environment it came with."""
    python = schemathesis().parent / "python"
    check = """
import json, sys, jsonschema_rs
document, operation, answer = json.load(sys.stdin)
schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}).validate(answer)
"""
    document = filled.get("/openapi.json", key=None)[1]
    questions = {
        "/api/v1/metrics": {}, "/api/v1/devices": {}, "/api/v1/last": {}, "/api/v1/system": {}, "/api/v1/session": {},
        "/api/v1/series": {"metric": "level", "by": "device", "stats": "mean,first,histogram,p99.9"},
        "/api/v1/kpi": {"metric": "level"}, "/api/v1/summary": {"metric": "temperature", "stats": "count,sum,rate,last,p50"},
        "/api/data": {"device_id": "a"}, "/kpi": {"source": "a"}, "/series": {"source": "b"},
    }
    for path, parameters in questions.items():
        status, answer, _ = filled.get(path, **parameters)
        assert status == 200, (path, answer)
        run = subprocess.run([python, "-c", check], text=True, capture_output=True,
                             input=json.dumps([document, document["paths"][path]["get"], answer]))
        assert run.returncode == 0, (path, run.stderr[-2000:])
