import { letterOf } from './state.ts';
import type { Step } from './steps.ts';
import { logOf } from './text.ts';

/** One step as a line to read. */
export function show(step: Step): string {
  const region = letterOf(step.region);
  switch (step.kind) {
    case 'submit':
      return `${region}'s application submits ${nameOf(step.entry)}`;
    case 'post':
      return `content ${step.content} is posted to ${region}, which acknowledges it`;
    case 'batch':
      return step.origin === step.region
        ? `${region} cosigns its own text ${showText(step.text)}`
        : `${region} is sent ${letterOf(step.origin)}'s text ${showText(step.text)}, ${ENDS[step.ends]}`;
    case 'log':
      return `${region} is sent ${letterOf(step.origin)}'s log [${[...step.log].join(' ')}] with every text over it, and answers`;
    case 'told':
      return `${letterOf(step.origin)} is told what ${region} refuses, and signs a text that names it`;
    case 'look':
      return `${region} looks up, for ${letterOf(step.origin)}'s log, what it knows of the id: nothing`;
    case 'restart':
      return `${region} restarts`;
  }
}

const ENDS = { answer: 'and answers', crash: 'and dies before it answers', early: 'answers, and dies before that is durable' };

function nameOf(entry: string): string {
  return entry === 'f' ? 'another receipt' : `content ${entry}`;
}

function showText(text: string): string {
  const lines = text.split('!').slice(1);
  const log = `[${[...logOf(text)].join(' ')}]`;
  return lines.length === 0 ? log : `${log} "${lines.map((line) => `refused ${line.charAt(0)} ${line.charAt(1)}-${line.charAt(1)}`).join(', ')}"`;
}
