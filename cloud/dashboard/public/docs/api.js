// SPDX-License-Identifier: Apache-2.0
// Shows /openapi.json: a list of calls; for each its parameters, its answers, a command that asks it.
'use strict';

const kMethods = ['get', 'post', 'delete'];
const kDepthMax = 6;

function element(name, attributes, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}

// What a $ref stands for; the name of a schema besides.
function resolved(spec, thing) {
  if (!thing || !thing.$ref) return {thing, name: ''};
  const path = thing.$ref.slice(2).split('/');
  return {thing: path.reduce((at, key) => at[key], spec), name: path[path.length - 1]};
}

// A schema as an example would look, with types in place of values.
function shape(spec, given, depth) {
  const {thing: schema, name} = resolved(spec, given);
  const pad = '  '.repeat(depth + 1);
  if (!schema || depth > kDepthMax) return '…';
  if (schema.anyOf) return schema.anyOf.map((one) => shape(spec, one, depth)).join(' | ');
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.items) return `[${shape(spec, schema.items, depth)}]`;
  if (schema.prefixItems) return `[${schema.prefixItems.map((one) => shape(spec, one, depth)).join(', ')}]`;
  if (schema.properties) {
    const required = new Set(schema.required);
    const lines = Object.entries(schema.properties).map(
      ([key, value]) => `${pad}${key}${required.has(key) ? '' : '?'}: ${shape(spec, value, depth + 1)}`,
    );
    if (schema.patternProperties) {
      for (const [key, value] of Object.entries(schema.patternProperties)) lines.push(`${pad}/${key}/: ${shape(spec, value, depth + 1)}`);
    }
    return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`;
  }
  if (schema.additionalProperties && schema.additionalProperties !== true)
    return `{ name: ${shape(spec, schema.additionalProperties, depth)} }`;
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? 'anything');
  return schema.format ? `${type} (${schema.format})` : name === 'Time' ? 'time' : type;
}

function described(schema) {
  if (!schema) return '';
  if (schema.enum) return schema.enum.join(', ');
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) bounds.push(`to ${schema.maximum}`);
  const type = schema.type === 'array' ? `${schema.items.type}, several` : [schema.type ?? ''].flat().join(' or ');
  return [type, ...bounds].join(' ');
}

function parameters(spec, list) {
  const rows = list.map((one) => {
    const {thing: parameter} = resolved(spec, one);
    const shown = parameter.name === 'labels' ? 'label.KEY' : parameter.name;
    return element(
      'tr',
      {},
      element('td', {}, element('code', {}, shown), parameter.required ? ' (needed)' : ''),
      element('td', {}, described(parameter.schema)),
      element('td', {}, parameter.description ?? ''),
    );
  });
  const head = element('tr', {}, ...['Parameter', 'Type', 'Meaning'].map((text) => element('th', {scope: 'col'}, text)));
  return element(
    'div',
    {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Parameters'},
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)),
  );
}

function example(spec, path, method, call) {
  const needed = (call.parameters ?? []).map((one) => resolved(spec, one).thing).filter((one) => one.required);
  const query = needed.map((one) => `${one.name}=${one.name === 'metric' ? 'temperature' : 'NAME'}`).join('&');
  const key = call.security && call.security.length === 0 ? '' : '-H "X-API-Key: $KEY" ';
  const body = call.requestBody ? ` -H 'Content-Type: application/json' -d '{…}'` : '';
  const verb = method === 'get' ? (path.endsWith('/stream') ? '-N ' : '') : `-X ${method.toUpperCase()} `;
  return `curl ${verb}${key}"${location.origin}${path}${query && '?'}${query}"${body}`;
}

function answers(spec, call) {
  const out = [];
  for (const [status, one] of Object.entries(call.responses)) {
    const {thing: response} = resolved(spec, one);
    const name = {'4XX': '400 to 499', '5XX': '500 to 599'}[status] ?? status;
    const content = Object.entries(response.content ?? {});
    const title = `${name}: ${response.description}`;
    if (content.length === 0) {
      out.push(element('p', {}, title));
      continue;
    }
    const details = element('details', {}, element('summary', {}, title));
    for (const [type, {schema}] of content)
      details.append(element('p', {}, element('code', {}, type)), element('pre', {tabindex: '0'}, shape(spec, schema, 0)));
    out.push(details);
  }
  return out;
}

function show(spec) {
  const contents = element('ul', {});
  for (const [path, calls] of Object.entries(spec.paths)) {
    for (const method of kMethods.filter((one) => calls[one])) {
      const call = calls[method];
      const id = call.operationId;
      const name = `${method.toUpperCase()} ${path}`;
      contents.append(element('li', {}, element('a', {href: `#${id}`}, name)));
      const section = element(
        'section',
        {'aria-labelledby': id},
        element('h2', {id}, element('code', {}, name)),
        element('p', {}, call.summary),
      );
      if (call.parameters?.length) section.append(element('h3', {}, 'Parameters'), parameters(spec, call.parameters));
      section.append(element('h3', {}, 'Ask'), element('pre', {tabindex: '0'}, example(spec, path, method, call)));
      section.append(element('h3', {}, 'Answers'), ...answers(spec, call));
      document.getElementById('calls').append(section);
    }
  }
  document.getElementById('contents').append(contents);
  document.getElementById('state').remove();
  // The part that the address names was not there when the page came.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

fetch('/openapi.json')
  .then((response) => {
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  })
  .then(show)
  .catch((error) => {
    document.getElementById('state').textContent = `/openapi.json cannot be shown (${error.message}). Load this page again.`;
  });
