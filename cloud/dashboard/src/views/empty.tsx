// SPDX-License-Identifier: Apache-2.0
// What is said where there is nothing to draw: no reading at all, none in this range, or too many rows.
import {useState} from 'preact/hooks';
import type {App} from '../app';
import {type ApiError, serverNow} from '../api';
import {clock, count, day, duration, moment, width} from '../format';
import {kHour, parseStep} from '../time';

// The commands lie in one line each, as they are pasted.
function commands(app: App): {name: string; text: string; note?: string}[] {
  const mqtt = app.session?.mqtt ?? {};
  const host = mqtt.host ?? location.hostname;
  const ingest = app.session?.ingest ?? `${location.protocol}//${location.hostname}:8081`;
  const user = mqtt.username ? ` -u ${mqtt.username} -P "$MQTT_PASSWORD"` : '';
  return [
    {
      name: 'MQTT',
      text: `mosquitto_pub -h ${host} -p ${mqtt.port ?? 1883}${user} -t sensors/greenhouse -m '{"temperature":21.5}'`,
    },
    {
      name: 'Zigbee2MQTT',
      text:
        `mosquitto_pub -h ${host} -p ${mqtt.port ?? 1883}${user} -t zigbee2mqtt/greenhouse ` +
        `-m '{"temperature":21.5,"humidity":60,"linkquality":120}'`,
      note: 'Needs topics = ["zigbee2mqtt/+"] in a [[source.mqtt]] of the gateway.',
    },
    {
      name: 'HTTP',
      text:
        `curl -H "X-API-Key: $TRIBUTARY_KEY" -H 'Content-Type: application/json' ${ingest}/api/v1/data ` +
        `-d '{"device_id":"greenhouse","temperature":21.5}'`,
    },
  ];
}

export function NoReadings({app}: {app: App}) {
  const [tab, setTab] = useState(0);
  const all = commands(app);
  const shown = all[tab] ?? all[0]!;
  const gateway = app.model?.gateways.find((g) => g.state === 'online' || g.state === 'late');
  return (
    <section class="message" data-empty>
      <h2>No readings yet</h2>
      <p>Send one, and it appears here within a second. Paste this into a terminal:</p>
      <div class="row">
        <span class="segments" role="group" aria-label="How to send">
          {all.map((command, i) => (
            <button type="button" key={command.name} aria-pressed={i === tab} onClick={() => setTab(i)}>
              {command.name}
            </button>
          ))}
        </span>
        <button type="button" class="control" onClick={() => void app.copy(shown.text, 'Command copied')}>
          Copy
        </button>
      </div>
      <pre tabIndex={0}>{shown.text}</pre>
      {shown.note && <p>{shown.note}</p>}
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
  const behind = total.completeness.behind ?? [];
  const late = behind.find((b) => b.state === 'silent' || b.state === 'offline');
  const seen = model.metrics.find((m) => m.name === answer.metric)?.last_seen;
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
  const last = seen ? Date.parse(seen) : null;
  return (
    <div class="message" data-empty-range>
      <p>
        <strong>No readings of {answer.metric} in this range.</strong>{' '}
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
