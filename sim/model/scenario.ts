import type { Log, Three } from './state.ts';

/** What may happen: who submits what, who lies, who posts. Within it everything is explored, in every order. */
export interface Scenario {
  readonly name: string;
  /** What each region's application may submit, each entry at most once, in any order or never. So it bounds the logs, and nothing else does. */
  readonly submits: Three<string>;
  /** Logs whose key signs whatever helps an attacker: such a log is any of these, in each region another. `[]`: an honest origin. */
  readonly lies: Three<readonly Log[]>;
  /** May anybody post either content to any region by the plain protocol, at any time? */
  readonly posts: boolean;
  /**
   * `fine`: each text arrives by itself, each own cosignature is a step, and each turn may end in a crash before its answer leaves. `coarse`:
   * with a log come all texts over it that there are, all answers leave, and an origin cosigns its newest text at once. That leaves out
   * only states in which less was signed or said and all else is the same: nothing that a region does rests on what it has signed before
   * but the size of its copy, and what it says may arrive as late as one likes. So what coarse steps can't break fine ones can't either;
   * the smallest scenarios are explored in both.
   */
  readonly grain: 'fine' | 'coarse';
  readonly weights: Three<number>;
  /** Twice this is more than all weight, or nothing is promised. */
  readonly threshold: number;
}
