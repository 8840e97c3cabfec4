# SPDX-License-Identifier: Apache-2.0
"""The bundled day of telemetry, as messages to publish and as readings to check against."""
import json
import lzma
import time
from decimal import Decimal

from stack import ROOT

FILE = ROOT / "tests/data/iot_env_telemetry/raw_data_xlarge.jsonl.xz"
METRICS = ("co", "humidity", "light", "lpg", "motion", "smoke", "temperature")


def load():
    """[(device, {metric: JSON text of the value}, ts text)]: digits as in the file, days moved to yesterday."""
    shift = (int(time.time()) // 86400 - 1) * 86400 - 1594598400
    messages = []
    with lzma.open(FILE, "rt") as lines:
        for line in lines:
            row = json.loads(line, parse_float=Decimal)
            fields = {("temperature" if name == "temp" else name): text_of(value) for name, value in row["data"].items()}
            messages.append((row["device"], fields, str(row["ts"] + shift)))
    return messages


def text_of(value):
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def as_double(text):
    return {"true": 1.0, "false": 0.0}.get(text) if text in ("true", "false") else float(text)


def payload(fields, timestamp):
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + f',"ts":{timestamp}}}'


def readings(messages):
    """{(device, metric): [(time text, double)]}"""
    out = {}
    for device, fields, timestamp in messages:
        for metric, text in fields.items():
            out.setdefault((device, metric), []).append((timestamp, as_double(text)))
    return out
