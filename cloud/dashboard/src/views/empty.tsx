// SPDX-License-Identifier: Apache-2.0
// What is said where there is nothing to draw: no reading at all, none in this range, or too many rows.
import {useState} from 'preact/hooks';
import type {App} from '../app';
import {type ApiError, serverNow} from '../api';
import {clock, count, day, duration, list, moment, width} from '../format';
import {kHour, parseStep} from '../time';

interface Command {
  name: string;
  text: string;
  after: string; // how long it takes to be seen
}

// What can be sent by this tenant, as this server says, and works as it is pasted: a secret is asked for, not written
// into the command.
function commands(app: App): Command[] {
  const {mqtt, ingest} = app.session ?? {};
  const all: Command[] = [];
  if (mqtt) {
    const to = `-h ${mqtt.host ?? location.hostname} -p ${mqtt.port ?? 1883}`;
    const ask = mqtt.username ? `read -rsp 'MQTT password: ' MQTT_PASSWORD; ` : '';
    const user = mqtt.username ? ` -u ${mqtt.username} -P "$MQTT_PASSWORD"` : '';
    all.push({
      name: 'MQTT',
      text: `${ask}mosquitto_pub ${to}${user} -t sensors/greenhouse -m '{"temperature":21.5}'`,
      after: 'about 12 s later, when its window of 10 s has closed',
    });
  }
  const url = `${ingest ?? `${location.protocol}//${location.hostname}:8081`}/api/v1/data`;
  all.push({
    name: 'HTTP',
    text:
      `read -rsp 'API key: ' TRIBUTARY_KEY; curl -H @- -H 'Content-Type: application/json' ${url} ` +
      `-d '{"device_id":"greenhouse","temperature":21.5}' <<< "X-API-Key: $TRIBUTARY_KEY"`,
    after: 'a second or two later',
  });
  return all;
}

export function NoReadings({app}: {app: App}) {
  const [tab, setTab] = useState(0);
  const all = commands(app);
  const shown = all[tab] ?? all[0]!;
  const gateway = app.model?.gateways.find((g) => g.state === 'online' || g.state === 'late');
  return (
    <section class="message" data-empty>
      <h2>No readings yet</h2>
      <p>Send one, and it appears here {shown.after}. Paste this into a terminal:</p>
      <div class="row">
        {all.length > 1 && (
          <span class="segments" role="group" aria-label="How to send">
            {all.map((command, i) => (
              <button type="button" key={command.name} aria-pressed={i === tab} onClick={() => setTab(i)}>
                {command.name}
              </button>
            ))}
          </span>
        )}
        <button type="button" class="control" onClick={() => void app.copy(shown.text, 'Command copied')}>
          Copy
        </button>
      </div>
      <pre tabIndex={0}>{shown.text}</pre>
      <p>
        Waiting for the first window.
        {gateway && (
          <>
            {' '}
            The gateway <em>{gateway.gateway}</em> is connected
            {gateway.first_seen ? ` since ${clock(Date.parse(gateway.first_seen), true)}` : ''}.
          </>
        )}
      </p>
    </section>
  );
}

const kNearMax = 3;

// Names that share most with what was asked for: the beginning, then how many letters.
function nearest(wanted: string, names: string[]): string[] {
  const low = wanted.toLowerCase();
  const alike = (name: string): number => {
    const other = name.toLowerCase();
    let begin = 0;
    while (begin < Math.min(low.length, other.length) && low[begin] === other[begin]) begin++;
    return (
      begin * 2 + [...new Set(low)].filter((letter) => other.includes(letter)).length / (low.length + other.length)
    );
  };
  return [...names].sort((a, b) => alike(b) - alike(a) || (a < b ? -1 : 1)).slice(0, kNearMax);
}

// A device of the address that nobody reported: said, and no other one's readings are shown for it.
function NoDevice({app}: {app: App}) {
  const model = app.model!;
  const unknown = model.unknownDevices();
  const near = nearest(
    unknown[0]!,
    model.devices.map((d) => d.device),
  );
  return (
    <div class="message" role="alert" data-no-device={unknown.join(' ')}>
      <p>
        <strong>There is no device {list(unknown.slice(0, kNearMax))} here.</strong> It may be of another tenant, or
        nothing was accepted from it yet.
      </p>
      <div class="row">
        {near.map((device) => (
          <button type="button" class="control" key={device} onClick={() => app.go({devices: [device]})}>
            Show {device}
          </button>
        ))}
        <button type="button" class="control" onClick={() => app.go({devices: []})}>
          Show all
        </button>
      </div>
    </div>
  );
}

// Why there is no answer, and what would give one.
function Refused({app, error}: {app: App; error: ApiError}) {
  const model = app.model!;
  const step = error.suggestion === null ? null : parseStep(error.suggestion);
  if (error.found !== null && error.limit !== null && step) {
    return (
      <div class="message" role="alert">
        <p>
          <strong>
            This range has {count(error.found)} rows; the limit is {count(error.limit)}.
          </strong>{' '}
          Step {width(step)} shows all of it.
        </p>
        <div class="row">
          <button type="button" class="control" onClick={() => app.go({step})}>
            Use {width(step)}
          </button>
        </div>
      </div>
    );
  }
  if (error.status === 404 && model.unknownDevices().length) return <NoDevice app={app} />;
  const begin = model.firstMetric();
  if (error.status === 404 && begin && !model.metrics.some((m) => m.name === model.metric())) {
    return (
      <div class="message" role="alert">
        <p>
          <strong>There is no metric {model.metric()} here.</strong> It may be of another tenant, or nothing was sent
          under this name yet.
        </p>
        <div class="row">
          <button type="button" class="control" onClick={() => app.go({metric: begin, devices: [], labels: []})}>
            Show {begin}
          </button>
        </div>
      </div>
    );
  }
  return (
    <div class="message" role="alert">
      <p>
        <strong>{error.message}.</strong> {error.detail}
      </p>
      <div class="row">
        <button
          type="button"
          class="control"
          onClick={() =>
            app.go({step: 0, from: {kind: 'ago', ms: 24 * kHour}, to: {kind: 'now'}, devices: [], labels: []})
          }
        >
          Show the last 24 h
        </button>
      </div>
    </div>
  );
}

export function RangeMessage({app}: {app: App}) {
  const model = app.model!;
  const {error, total, answer} = model;
  if (error && !error.away) return <Refused app={app} error={error} />;
  if (!total || !answer || total.count > 0 || model.loading) return null;
  if (model.unknownDevices().length) return <NoDevice app={app} />;
  const behind = total.completeness.behind ?? [];
  const late = behind.find((b) => b.state === 'silent' || b.state === 'offline');
  if (late) {
    return (
      <div class="message" data-empty-range>
        <p>
          <strong>Nothing here yet.</strong> {late.gateway} has not reported this range; it is silent for{' '}
          {duration((serverNow() - Date.parse(late.last_seen)) / 1000)}.
        </p>
      </div>
    );
  }
  const last = model.lastSeen();
  return (
    <div class="message" data-empty-range>
      <p>
        <strong>
          No readings of {answer.metric} {model.words()?.mark === 'complete' ? '' : 'are known '}in this range.
        </strong>{' '}
        {last !== null && (
          <>
            The last one came on {day(last)} at {clock(last)}.{' '}
          </>
        )}
        {last !== null && (
          <button
            type="button"
            class="link"
            title={moment(last, serverNow())}
            onClick={() =>
              app.setRange(last - (answer.to - answer.from) * 0.75, last + (answer.to - answer.from) * 0.25)
            }
          >
            Go there
          </button>
        )}
      </p>
    </div>
  );
}
