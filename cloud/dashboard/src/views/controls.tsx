// SPDX-License-Identifier: Apache-2.0
// What is asked for: metric, devices, labels, split, range, step.
import {useState} from 'preact/hooks';
import {type App, kRanges} from '../app';
import {serverNow} from '../api';
import {clockExact, count, day, moment, range, sameDay, width, zone} from '../format';
import {exportBuckets, exportPng, type Part} from '../chart/export';
import {autoStep, type Bound, kSteps} from '../time';
import {Item, Menu} from '../ui/menu';

const kPictures: {name: string; text: string; parts: Part[]}[] = [
  {name: 'png', text: 'PNG, both charts as they stand', parts: ['chart', 'heat']},
  {name: 'png-chart', text: 'PNG, mean and range', parts: ['chart']},
  {name: 'png-heat', text: 'PNG, the distribution', parts: ['heat']},
];
const kLabelsShown = 200;
const kFindFrom = 12;

function DeviceMenu({app}: {app: App}) {
  const [filter, setFilter] = useState('');
  const model = app.model!;
  const all = model.candidates();
  const chosen = new Set(app.view.devices);
  const shown = all.filter((d) => d.device.toLowerCase().includes(filter.toLowerCase()));
  const toggle = (device: string): void => {
    const next = new Set(chosen.size ? chosen : []);
    if (next.has(device)) next.delete(device);
    else next.add(device);
    app.go({devices: next.size === all.length ? [] : [...next].sort()}, true);
  };
  const known = all.filter((d) => chosen.has(d.device));
  const text =
    chosen.size === 0
      ? all.length === 1
        ? all[0]!.device
        : `all ${count(all.length)}`
      : known.length === 1
        ? known[0]!.device
        : `${count(chosen.size)} of ${count(all.length)}`;
  return (
    <Menu
      app={app}
      id="devices"
      label={`Devices: ${text}`}
      face={
        <>
          <span class="label">Devices</span>
          <b>{text}</b>
        </>
      }
    >
      {all.length > 8 && (
        <input
          class="control"
          type="search"
          aria-label="Find a device"
          placeholder="Find"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
      )}
      <Item multiple chosen={chosen.size === 0} onPick={() => app.go({devices: []}, true)}>
        All {count(all.length)}
      </Item>
      <hr />
      {shown.slice(0, 200).map((d) => (
        <Item
          key={d.device}
          multiple
          chosen={chosen.has(d.device)}
          note={d.gateways.join(', ')}
          onPick={() => toggle(d.device)}
        >
          {d.device}
        </Item>
      ))}
      {shown.length === 0 && (
        <p class="note">
          No device matches "{filter}".{' '}
          <button type="button" class="link" onClick={() => setFilter('')}>
            Clear
          </button>
        </p>
      )}
      {shown.length > 200 && <p class="note">{count(shown.length - 200)} more: type a part of the name.</p>}
    </Menu>
  );
}

function LabelMenu({app}: {app: App}) {
  const [find, setFind] = useState('');
  const model = app.model!;
  const keys = model.labelKeys();
  const values = keys.flatMap((key) =>
    [
      ...new Set(
        model
          .candidates()
          .map((d) => d.labels[key])
          .filter((v): v is string => v !== undefined),
      ),
    ]
      .sort()
      .map((value): [string, string] => [key, value]),
  );
  const free = values.filter(([key]) => !app.view.labels.some(([taken]) => taken === key));
  const shown = free.filter(([key, value]) => `${key} ${value}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <>
      {app.view.labels.map(([key, value]) => (
        <button
          type="button"
          key={key}
          class="control"
          aria-label={`Remove label ${key} ${value}`}
          onClick={() => app.go({labels: app.view.labels.filter(([k]) => k !== key)})}
        >
          <span class="label">{key}</span>
          <b>{value}</b>
          <span aria-hidden="true">×</span>
        </button>
      ))}
      {free.length > 0 && (
        <Menu app={app} id="label" label="Add a label" face="+ Label" plain bare>
          {free.length > kFindFrom && (
            <input
              class="control"
              type="search"
              aria-label="Find a label"
              placeholder="Find"
              value={find}
              onInput={(event) => setFind(event.currentTarget.value)}
            />
          )}
          {shown.slice(0, kLabelsShown).map(([key, value]) => (
            <Item
              key={`${key}=${value}`}
              note={key}
              onPick={() => {
                app.open(null);
                app.go({labels: [...app.view.labels, [key, value]]});
              }}
            >
              {value}
            </Item>
          ))}
          {shown.length > kLabelsShown && (
            <p class="note">{count(shown.length - kLabelsShown)} more: type a part of the name.</p>
          )}
        </Menu>
      )}
    </>
  );
}

function rangeText(app: App): string {
  const {from, to} = app.view;
  if (from.kind === 'ago' && to.kind === 'now') {
    return kRanges.find((r) => r.ms === from.ms)?.text ?? `Last ${width(from.ms / 1000)}`;
  }
  if (from.kind === 'begin' && to.kind === 'now') return 'Since the beginning';
  const answer = app.model?.answer;
  const a = from.kind === 'at' ? from.ms : (answer?.from ?? serverNow());
  const b = to.kind === 'at' ? to.ms : (answer?.to ?? serverNow());
  return range(
    `${day(a)} ${clockExact(a)}`,
    to.kind === 'now' ? 'now' : sameDay(a, b) ? clockExact(b) : moment(b, a, false),
  );
}

function MetricMenu({app}: {app: App}) {
  const model = app.model!;
  const metric = model.metric();
  const unit = model.unit();
  return (
    <Menu
      app={app}
      id="metric"
      label={`Metric: ${metric}`}
      face={
        <>
          <span class="label">Metric</span>
          <b>{metric}</b>
          {unit && <span class="unit">{unit}</span>}
        </>
      }
    >
      {model.metrics.map((m) => (
        <Item
          key={m.name}
          chosen={m.name === metric}
          note={m.unit}
          onPick={() => {
            app.open(null);
            app.go({metric: m.name});
          }}
        >
          {m.name}
        </Item>
      ))}
    </Menu>
  );
}

function Split({app}: {app: App}) {
  const splits = ['none', 'device', ...app.model!.labelKeys()];
  return (
    <>
      <span class="split-label" id="split">
        split by
      </span>
      <span class="segments" role="group" aria-labelledby="split">
        {splits.map((key) => (
          <button type="button" key={key} aria-pressed={app.view.by === key} onClick={() => app.go({by: key})}>
            {key}
          </button>
        ))}
      </span>
    </>
  );
}

function RangeMenu({app}: {app: App}) {
  const live = app.model!.isLive();
  const pick = (from: Bound): void => {
    app.open(null);
    app.go({from, to: {kind: 'now'}});
  };
  return (
    <Menu
      app={app}
      id="range"
      label={`Range: ${rangeText(app)}`}
      face={
        <>
          <b>{rangeText(app)}</b> <span class="unit">{zone(serverNow())}</span>
        </>
      }
      right
    >
      {kRanges.map((r) => (
        <Item
          key={r.ms}
          chosen={live && app.view.from.kind === 'ago' && app.view.from.ms === r.ms}
          onPick={() => pick({kind: 'ago', ms: r.ms})}
        >
          {r.text}
        </Item>
      ))}
      <Item chosen={app.view.from.kind === 'begin'} onPick={() => pick({kind: 'begin'})}>
        Since the beginning
      </Item>
      <p class="note">Drag in the chart to choose any other range.</p>
    </Menu>
  );
}

function RangeControl({app}: {app: App}) {
  return (
    <div class="range push">
      <span class="segments" style={{overflow: 'visible'}}>
        <button type="button" aria-label="Range before" title="Range before ([)" onClick={() => app.step(-1)}>
          ◂
        </button>
        <RangeMenu app={app} />
        <button
          type="button"
          aria-label="Range after"
          title="Range after (])"
          disabled={app.model!.isLive()}
          onClick={() => app.step(1)}
        >
          ▸
        </button>
      </span>
    </div>
  );
}

function StepMenu({app}: {app: App}) {
  const model = app.model!;
  const {answer} = model;
  const auto = answer ? autoStep(answer.to - answer.from, model.plotWidth) : null;
  const text = app.view.step ? width(app.view.step) : 'auto';
  const setStep = (step: number): void => {
    app.open(null);
    app.go({step});
  };
  return (
    <Menu
      app={app}
      id="step"
      label={`Step: ${text}`}
      right
      face={
        <>
          <span class="label">Step</span>
          <b>{text}</b>
          {!app.view.step && auto && <span class="unit">{width(answer?.step ?? auto)}</span>}
        </>
      }
    >
      <Item chosen={app.view.step === 0} {...(auto ? {note: width(auto)} : {})} onPick={() => setStep(0)}>
        auto
      </Item>
      {kSteps
        .filter((step) => !answer || (answer.to - answer.from) / (step * 1000) >= 2)
        .map((step) => (
          <Item key={step} chosen={app.view.step === step} onPick={() => setStep(step)}>
            {width(step)}
          </Item>
        ))}
    </Menu>
  );
}

function ExportMenu({app}: {app: App}) {
  const model = app.model!;
  const save = (act: () => void) => (): void => {
    app.open(null);
    act();
  };
  return (
    <Menu app={app} id="export" label="Export" face="Export" right>
      <a
        class="item"
        href={model.csvPath()}
        download={`${model.metric()}.csv`}
        title="The API's own answer for this view"
        data-export="csv"
        onClick={() => app.open(null)}
      >
        CSV, the rows as the API gives them
      </a>
      <button type="button" class="item" data-export="csv-heat" onClick={save(() => exportBuckets(app))}>
        CSV, the distribution: each bucket of each row
      </button>
      <hr />
      {kPictures.map(({name, text, parts}) => (
        <button type="button" key={name} class="item" data-export={name} onClick={save(() => exportPng(app, parts))}>
          {text}
        </button>
      ))}
    </Menu>
  );
}

export function Controls({app}: {app: App}) {
  return (
    <section class="controls" aria-label="What is shown">
      <MetricMenu app={app} />
      <DeviceMenu app={app} />
      <LabelMenu app={app} />
      <Split app={app} />
      <RangeControl app={app} />
      <StepMenu app={app} />
      <button
        type="button"
        class="control"
        title="Copy link (c)"
        onClick={() => void app.copy(app.link(), 'Link copied')}
      >
        Copy link
      </button>
      <ExportMenu app={app} />
    </section>
  );
}
