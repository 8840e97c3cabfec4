// SPDX-License-Identifier: Apache-2.0
// The address holds the view: what is parsed prints the same, defaults are left out, nonsense falls back to defaults.
import assert from 'node:assert/strict';
import test from 'node:test';
import {exploreKey, kDefaultView, parseAddress, printAddress, selectionQuery} from '../src/address';

const roundTrip = (address: string): string => {
  const [path, query] = address.split('?') as [string, string | undefined];
  return printAddress(parseAddress(path, query ?? ''));
};

test('every address of a view prints as it was', () => {
  for (const address of [
    '/explore',
    '/fleet',
    '/explore?m=temperature',
    '/explore?m=humidity&d=a,b&by=none&from=-1h&step=15m&show=mean,percentiles&y=full',
    '/explore?m=co&l.site=roof&by=site&from=2026-11-20T11:30:00Z&to=2026-11-20T19:30:00Z',
    '/explore?from=begin',
    '/explore?m=a%26b&from=-7d',
    '/now',
    '/now?m=humidity&q=iot',
    '/system',
    '/fleet?show=late&sort=-behind&g=porto-oven-07&q=porto',
  ])
    assert.equal(roundTrip(address), address);
});

test('defaults are left out', () => {
  assert.equal(printAddress(kDefaultView), '/explore');
  assert.equal(roundTrip('/explore?by=device&from=-24h&to=now&step=auto&y=fences'), '/explore');
  assert.equal(roundTrip('/explore?from=-1d'), '/explore');
});

test('what makes no sense falls back to the default', () => {
  assert.equal(roundTrip('/explore?from=yesterday&to=x&step=-3&by=A%20B'), '/explore');
  assert.equal(parseAddress('/nowhere', '').page, 'nowhere');
  assert.equal(roundTrip('/fleet?show=A%20B&sort=x%3Dy'), '/fleet');
  assert.equal(roundTrip('/system?m=x'), '/system');
});

test('only what decides the rows makes Explore ask again', () => {
  const key = (address: string): string => exploreKey(parseAddress('/explore', address));
  assert.equal(key('m=a&y=full&show=mean'), key('m=a'));
  assert.notEqual(key('m=a&from=-1h'), key('m=a'));
  assert.notEqual(key('m=a&l.site=x'), key('m=a'));
});

test('a comma or a backslash in a name is no separator', () => {
  const names = ['a,b', 'c', 'd\\', 'e\\,f'];
  const address = printAddress({...kDefaultView, devices: names});
  assert.deepEqual(parseAddress('/explore', address.split('?')[1]!).devices, names);
  assert.deepEqual(parseAddress('/explore', 'd=x\\y,,z').devices, ['x\\y', 'z']);
  assert.equal(selectionQuery('m', ['a,b'], []), 'metric=m&device=a%5C%2Cb');
});

test('a selection asks for each device and label, escaped', () => {
  assert.equal(
    selectionQuery('temp c', ['a/b', 'c'], [['site', 'x y']]),
    'metric=temp%20c&device=a%2Fb&device=c&label.site=x%20y',
  );
});
