# SPDX-License-Identifier: Apache-2.0
"""Rows of a CSV or JSON-lines file as messages of sensors: time, device, metrics. Every number keeps the digits that
stand in the file, every time is read as a decimal; nothing goes through a float. What cannot be used is refused row by
row, with a reason, what was found and what was expected, and disturbs nothing else."""
import bz2
import csv
import gzip
import itertools
import json
import lzma
import re
import unicodedata
import zlib
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

NANOS = 1_000_000_000
TIME_NAMES = ("timestamp", "ts", "time")
DEVICE_NAMES = ("device", "device_id")
DELIMITERS = ",;\t|"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
BOOLEANS = {"true": "true", "false": "false", "on": "true", "off": "false"}
TEXT_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)  # "007" names something
METRIC_BYTES_MAX = 128
RFC3339 = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?"
                     r"\s?([Zz]|[+-]\d{2}:\d{2})?")


class Unusable(Exception):
    """The file as a whole, or the options for it, cannot be used; the text says what was found and expected."""


class Refused(Exception):
    """One row cannot be used."""

    def __init__(self, reason, found, expected):
        super().__init__(f"found {found!r:.80}, expected {expected}")
        self.reason = reason


READ_ERRORS = (UnicodeDecodeError, EOFError, lzma.LZMAError, OSError, zlib.error)


class Row(NamedTuple):
    line: int
    time_ns: int | None  # None: the file has no times
    device: str
    fields: tuple  # (metric, JSON text of a number or boolean) each


def open_text(path, encoding):
    """The file's text, unpacked by what it begins with (gzip, xz, bzip2, else as it is)."""
    with open(path, "rb") as raw:
        magic = raw.read(6)
    opener = gzip.open if magic[:2] == b"\x1f\x8b" else lzma.open if magic == b"\xfd7zXZ\0" else \
        bz2.open if magic[:3] == b"BZh" else open
    return opener(path, "rt", encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, newline="")


def parse_offset(text):
    """A time zone's distance from UTC in seconds, of Z, UTC or ±hh:mm; None if it is none."""
    if text.upper() in ("Z", "UTC"):
        return 0
    found = re.fullmatch(r"([+-])(\d{2}):(\d{2})", text)
    if not found or int(found[2]) > 23 or int(found[3]) > 59:
        return None
    return (int(found[2]) * 3600 + int(found[3]) * 60) * (1 if found[1] == "+" else -1)


def decimal_of(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


class Clock:
    """Reads times: RFC 3339, Unix numbers, a strptime format, or columns of year, month, day, hour …"""
    UNITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
    EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

    def __init__(self, unit="auto", form=None, zone=None):
        self.unit, self.form, self.zone = unit, form, zone

    def nanoseconds(self, text):
        text = text.strip()
        if self.form:
            try:
                moment = datetime.strptime(text, self.form)
            except ValueError:
                raise Refused("bad_time", text, f"a time like {self.form}") from None
            return self._civil(moment, "", text)
        found = RFC3339.fullmatch(text)
        if found:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
            leap = second == 60  # the first instant of the next minute, as in Unix time
            try:
                moment = datetime(year, month, day, hour, minute, 59 if leap else second) + timedelta(seconds=leap)
            except (ValueError, OverflowError):
                raise Refused("bad_time", text, "a date that there is") from None
            return self._civil(moment, found[7] or "", text, found[8])
        value = decimal_of(text)
        if value is None:
            raise Refused("bad_time", text, "RFC 3339, or Unix seconds, milli-, micro- or nanoseconds (or --time-format)")
        if self.unit != "auto":
            power = self.UNITS[self.unit]
        else:
            magnitude = value.adjusted() + 1 if value else 0
            power = 9 if magnitude <= 11 else 6 if magnitude <= 14 else 3 if magnitude <= 17 else 0
        if value and value.adjusted() + power > 19:
            raise Refused("bad_time", text, "a time within 64-bit nanoseconds")
        return self._bounded(int(value.scaleb(power)), text)

    def civil_parts(self, parts):
        """Columns of year, month, day [, hour [, minute [, second]]]."""
        try:
            moment = datetime(*(int(part) for part in parts))
        except (ValueError, TypeError):
            raise Refused("bad_time", ",".join(parts), "whole numbers of year, month, day, hour …") from None
        return self._civil(moment, "", ",".join(parts))

    def _civil(self, moment, fraction, text, zone=None):
        if moment.tzinfo is not None:
            offset = int(moment.utcoffset().total_seconds())
            moment = moment.replace(tzinfo=None)
        else:
            offset = parse_offset(zone) if zone else self.zone
        if offset is None:
            raise Refused("bad_time", text, "a time zone (in the file, or for all of it by --time-zone)")
        since = moment.replace(tzinfo=timezone.utc) - self.EPOCH
        nanoseconds = (since.days * 86400 + since.seconds - offset) * NANOS + since.microseconds * 1000
        return self._bounded(nanoseconds + int((fraction + "0" * 9)[:9]), text)

    @staticmethod
    def _bounded(value, text):
        if not -2**63 <= value < 2**63:
            raise Refused("bad_time", text, "a time within 64-bit nanoseconds")
        return value


def json_number(text, decimal_mark="."):
    """The JSON text of a number or boolean cell with its own digits; None if it is neither."""
    text = text.strip()
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if decimal_mark != ".":
        if "." in text:
            return None
        text = text.replace(decimal_mark, ".")
    if not NUMBER.fullmatch(text):
        return None
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.lstrip("+"))
    mantissa, exponent = re.fullmatch(r"([\d.]+)(.*)", digits).groups()
    whole, _, fraction = mantissa.partition(".")
    return sign + (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "") + exponent


def metric_name(column):
    """A metric name made of a column's name; itself where it is one already."""
    # Letters, marks and digits of any script, and _ . : -
    name = "".join(c if c in "_.:-" or unicodedata.category(c)[0] in "LMN" else " " for c in column)
    if " " in name:
        name = re.sub(r"[ _]+", "_", name).strip("_")
    if re.match(r"[0-9.:-]", name):
        name = f"_{name}"
    return name.encode()[:METRIC_BYTES_MAX].decode(errors="ignore")


class Columns:
    """Which columns mean what. renames: column → metric; metrics: the columns to send (None: all numeric ones);
    without: columns never sent; device: a constant one (then no column is read for it); join_times: the columns of the time
    are one text, with a space between them, not year, month, day …"""
    join_times = False  # of the class: a state of before knows nothing of it

    def __init__(self, device_column=None, device=None, time_columns=None, no_time=False, metrics=None, without=(),
                 renames=None, values=None, decimal_mark=".", join_times=False):
        self.device_column, self.device, self.no_time = device_column, device, no_time
        self.time_columns = time_columns
        self.metrics, self.without, self.renames = metrics, set(without), dict(renames or {})
        self.values = values  # JSON: the path of the object that holds the metrics
        self.decimal_mark = decimal_mark
        if join_times:
            self.join_times = True

    def metric(self, column):
        name = self.renames.get(column) or metric_name(column)
        if not name:
            raise Unusable(f"found column {column!r}, of which no metric's name can be made: rename it (--as {column}=name)")
        return name


def checked_device(text):
    device = text.strip()
    if not device or len(device.encode()) > 128 or re.search(r"[\x00-\x1f\x7f]", device):
        raise Refused("no_device" if not device else "bad_device", device, "a device's name of 1 to 128 bytes")
    return device


class CsvRows:
    """delimiter None: found out; names None: the first line names the columns."""

    def __init__(self, path, columns, clock, encoding="utf-8", delimiter=None, quote='"', names=None, skip=0):
        self.path, self.columns, self.clock, self.encoding = path, columns, clock, encoding
        self.quote, self.skip = quote, skip
        try:
            self.delimiter = delimiter or self._find_delimiter(len(names) if names else None)
            with self._open() as text:
                first = next(self._lines(text), None)
        except READ_ERRORS as error:
            raise Unusable(f"{path}: {describe(error)}") from None
        if first is None or isinstance(first[1], csv.Error):
            raise Unusable(f"{path}: found no rows, expected CSV")
        self.header = names is None
        self.names = [name.strip() for name in (first[1] if self.header else names)]
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise Unusable(f"{path}: found column {twice!r} twice, expected each name once (name them with --columns)")
        self._plan()

    def _open(self):
        return open_text(self.path, self.encoding)

    def _lines(self, text):
        """(line number, cells) of each line that is not empty."""
        for _ in range(self.skip):
            next(text, None)
        reader = csv.reader(text, delimiter=self.delimiter, quotechar=self.quote)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self.skip + reader.line_num, error
                continue
            if cells and cells != [""]:
                yield self.skip + reader.line_num, cells

    def _find_delimiter(self, count):
        with self._open() as text:
            sample = list(itertools.islice(itertools.islice(text, self.skip, None), 50))
        best = None
        for delimiter in DELIMITERS:
            widths = [len(cells) for cells in csv.reader(sample, delimiter=delimiter, quotechar=self.quote) if cells]
            if not widths or widths[0] < 2:
                continue
            score = (widths[0] == count, sum(width == widths[0] for width in widths) / len(widths), widths[0])
            if best is None or score > best[0]:
                best = (score, delimiter)
        return best[1] if best else ","  # one column

    def _place(self, name, what):
        for wanted in (name, name.lower()):
            for place, column in enumerate(self.names):
                if wanted in (column, column.lower()):
                    return place
        raise Unusable(f"{self.path}: found the columns {', '.join(self.names)}; expected {name!r} ({what})")

    def _first_of(self, names, what, option):
        for name in names:
            for place, column in enumerate(self.names):
                if column.lower() == name:
                    return place
        raise Unusable(f"{self.path}: found the columns {', '.join(self.names)}; expected {what} named "
                       f"{' or '.join(names)}: {option}")

    def _plan(self):
        columns = self.columns
        if columns.no_time:
            self.times = []
        elif columns.time_columns:
            self.times = [self._place(name, "--time-column") for name in columns.time_columns]
        else:
            self.times = [self._first_of(TIME_NAMES, "a time", "name it with --time-column, or say --interval SECONDS")]
        self.device = None
        if columns.device_column:
            self.device = self._place(columns.device_column, "--device-column")
        elif columns.device is None:
            self.device = self._first_of(DEVICE_NAMES, "a device", "name it with --device-column, or give one by --device")
        for name in (*columns.without, *columns.renames):
            self._place(name, "--without" if name in columns.without else "--as")
        if columns.metrics is not None:
            places = [self._place(name, "--metrics") for name in columns.metrics]
        else:
            taken = {self.device, *self.times}
            places = [place for place, name in enumerate(self.names) if place not in taken and name not in columns.without]
        self.metrics = [(place, columns.metric(self.names[place])) for place in places]
        names = [name for _, name in self.metrics]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Unusable(f"{self.path}: found two columns for the metric {twice!r}, expected one: rename one with --as")

    def renamed(self):
        return [(self.names[place], metric) for place, metric in self.metrics if self.names[place] != metric]

    def _row(self, number, cells):
        if isinstance(cells, csv.Error):
            raise Refused("bad_row", str(cells), "a line of CSV")
        if len(cells) != len(self.names):
            raise Refused("bad_row", self.delimiter.join(cells), f"{len(self.names)} fields, not {len(cells)}")
        device = self.columns.device if self.device is None else checked_device(cells[self.device])
        time_ns = None
        if self.times and (len(self.times) == 1 or self.columns.join_times):
            time_ns = self.clock.nanoseconds(" ".join(cells[place].strip() for place in self.times))
        elif self.times:
            time_ns = self.clock.civil_parts([cells[place].strip() for place in self.times])
        fields = []
        for place, metric in self.metrics:
            text = json_number(cells[place], self.columns.decimal_mark)
            if text is not None:
                fields.append((metric, text))
            elif cells[place].strip():
                self.skipped[f"{metric}: not a number"] = self.skipped.get(f"{metric}: not a number", 0) + 1
        if not fields:
            raise Refused("no_value", self.delimiter.join(cells), "at least one number")
        return Row(number, time_ns, device, tuple(fields))

    def read(self, refuse):
        """Yields each Row in the file's order; refuse(line, Refused) for each that cannot be used."""
        self.skipped = {}
        with self._open() as text:
            try:
                lines = self._lines(text)
                if self.header:
                    next(lines, None)
                for number, cells in lines:
                    try:
                        yield self._row(number, cells)
                    except Refused as error:
                        refuse(number, error)
            except READ_ERRORS as error:
                raise Unusable(f"{self.path}: {describe(error)}") from None


class Digits(str):
    """A JSON number as it stands in the file."""


class JsonRows:
    def __init__(self, path, columns, clock, encoding="utf-8"):
        self.path, self.columns, self.clock, self.encoding = path, columns, clock, encoding

    def renamed(self):
        return []

    def _leaves(self, value, names, depth=0):
        """(dotted path, metric's name, value) of every leaf; nested names joined with '_', as the edge joins them."""
        for key, inner in value.items():
            path = (*names, key)
            if isinstance(inner, dict):
                if depth < 8:
                    yield from self._leaves(inner, path, depth + 1)
            else:
                yield ".".join(path), "_".join(path), inner

    @staticmethod
    def _at(row, path):
        if path in row:
            return row[path]
        for part in path.split("."):
            if not isinstance(row, dict) or part not in row:
                return None
            row = row[part]
        return row

    def _text_of(self, value):
        return value if isinstance(value, str) else None

    def _row(self, number, line):
        try:
            row = json.loads(line, parse_float=Digits, parse_int=Digits, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            raise Refused("bad_json", line.strip(), f"one JSON object a line ({error})") from None
        if not isinstance(row, dict):
            raise Refused("bad_json", line.strip(), "one JSON object a line")
        columns = self.columns
        taken = set()
        device = columns.device
        if device is None:
            names = (columns.device_column,) if columns.device_column else DEVICE_NAMES
            found = next((self._at(row, name) for name in names if self._at(row, name) not in (None, "")), None)
            if not isinstance(found, str):
                raise Refused("no_device", line.strip(), f"a device ({' or '.join(names)})")
            device = checked_device(found)
            taken.update(names)
        time_ns = self._time(row, line, taken)
        values = self._at(row, columns.values) if columns.values else row.get("data")
        if columns.values and not isinstance(values, dict):
            raise Refused("no_value", line.strip(), f"an object named {columns.values}")
        if not isinstance(values, dict):
            values = row
        fields = {}
        for path, name, value in self._leaves(values, ()):
            if path in taken or path in DEVICE_NAMES or path in TIME_NAMES or {path, name} & columns.without:
                continue
            if columns.metrics is not None and path not in columns.metrics and name not in columns.metrics:
                continue
            text = "true" if value is True else "false" if value is False else value if isinstance(value, Digits) else None
            if text is None and isinstance(value, str) and TEXT_NUMBER.fullmatch(value.strip().replace(columns.decimal_mark, ".")):
                text = json_number(value, columns.decimal_mark)
            if text is None:
                if value is not None:
                    key = f"{name}: not a number"
                    self.skipped[key] = self.skipped.get(key, 0) + 1
                continue
            metric = columns.renames.get(path) or columns.renames.get(name) or metric_name(name)
            if metric in fields:
                raise Refused("bad_name", name, f"fields that make metrics of different names (another one is {metric}, too)")
            fields[metric] = str(text)
        if not fields:
            raise Refused("no_value", line.strip(), "at least one number or boolean")
        return Row(number, time_ns, device, tuple(fields.items()))

    def _time(self, row, line, taken):
        if self.columns.no_time:
            return None
        names = self.columns.time_columns
        if names and len(names) > 1:
            taken.update(names)
            parts = [str(self._at(row, name)) for name in names]
            return self.clock.nanoseconds(" ".join(parts)) if self.columns.join_times else self.clock.civil_parts(parts)
        names = names or TIME_NAMES
        found = next((self._at(row, name) for name in names if self._at(row, name) is not None), None)
        if not isinstance(found, str):
            raise Refused("bad_time", line.strip(), f"a time ({' or '.join(names)})")
        taken.update(names)
        return self.clock.nanoseconds(found)

    def read(self, refuse):
        self.skipped = {}
        with open_text(self.path, self.encoding) as lines:
            try:
                for number, line in enumerate(lines, 1):
                    if not line.strip():
                        continue
                    try:
                        yield self._row(number, line)
                    except Refused as error:
                        refuse(number, error)
            except READ_ERRORS as error:
                raise Unusable(f"{self.path}: {describe(error)}") from None


def describe(error):
    if isinstance(error, UnicodeDecodeError):
        return f"found bytes that are not {error.encoding} ({error.object[error.start:error.start + 4]!r}), expected text: " \
               "say --encoding"
    return f"found a file that cannot be read to its end ({error})"


def kind_of(path, encoding):
    """'csv' or 'json', by the name and by what the text begins with."""
    name = re.sub(r"\.(gz|xz|bz2)$", "", str(path).lower())
    if name.endswith((".csv", ".tsv")):
        return "csv"
    with open_text(path, encoding) as text:
        try:
            start = text.read(4096).lstrip()
        except READ_ERRORS as error:
            raise Unusable(f"{path}: {describe(error)}") from None
    if start.startswith("["):
        raise Unusable(f"{path}: found a JSON array, expected one JSON object a line (jq -c '.[]' makes such a file)")
    if start.startswith("{") or name.endswith((".json", ".jsonl", ".ndjson")):
        return "json"
    return "csv"
