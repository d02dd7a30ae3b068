import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore } from '../../sim/model/explore.ts';
import { INVARIANTS, type Invariant, isCertified } from '../../sim/model/invariants.ts';
import { PLANTS, SCENARIOS } from '../../sim/model/scenarios.ts';
import { show } from '../../sim/model/show.ts';
import type { Step } from '../../sim/model/steps.ts';

for (const scenario of SCENARIOS) {
  test(`all invariants hold in every state: ${scenario.name}`, (context) => {
    const { states, steps, isWhole, findings } = explore({ scenario, planted: undefined }, INVARIANTS);
    context.diagnostic(`${states} states, ${steps} steps`);
    assert.deepEqual(
      findings.map(({ invariant, trace }) => [invariant, ...trace.map(show)]),
      [],
    );
    assert.ok(isWhole);
  });
}

for (const { planted, scenario, breaks } of PLANTS) {
  test(`the model finds what is wrong with: ${planted}`, (context) => {
    const { findings } = explore({ scenario, planted }, breaks);
    for (const { invariant, trace } of findings) context.diagnostic(`${invariant}: ${trace.length} steps`);
    assert.deepEqual(findings.map(({ invariant }) => invariant).sort(), breaks.map(({ name }) => name).sort());
  });
}

test('a content can be certified in three steps, so that "never two" says something', () => {
  const [scenario] = SCENARIOS;
  assert.ok(scenario);
  const never: Invariant = { name: 'never', of: 'state', holds: (world, state) => !isCertified(world, state, '1') && !isCertified(world, state, '2') };
  const { findings } = explore({ scenario, planted: undefined }, [never]);
  assert.equal(findings[0]?.trace.length, 3);
});

test('the shortest trace comes first: two contents, and one arrives where the other was first', () => {
  const plant = PLANTS.find(({ planted }) => planted === 'cosigning without the line');
  assert.ok(plant);
  const [first] = explore({ scenario: plant.scenario, planted: plant.planted }, plant.breaks).findings;
  assert.deepEqual(
    first?.trace.map(({ kind }: Step) => kind),
    ['submit', 'submit', 'batch'],
  );
});
