// Rules with numbers ("above 15 %", "≥ 500k", "100–250"): picks the rules that hold for a number in the question. The rule is
// quoted, so that the reader sees why.
import { answerText } from './answer-text.ts';
import type { Candidate } from './find-answer.ts';
import { numberOf, type Question } from './question-concepts.ts';

const NUMBER = String.raw`[€$£]?\s?(\d[\d.,]{0,20}\s?[kKmM]?)\b`;
const RANGE = new RegExp(`${NUMBER}\\s?%?\\s?(?:–|—|-|to|bis|à|until)\\s?${NUMBER}`);
const BOUNDS: { pattern: RegExp; holds: (value: number, bound: number) => boolean }[] = [
  {
    pattern: new RegExp(`(?:≥|>=|at least|from|ab|mindestens|au moins)\\s*${NUMBER}`, 'i'),
    holds: (value, bound) => value >= bound,
  },
  {
    pattern: new RegExp(`(?:≤|<=|up to|at most|bis zu|bis|jusqu'à|maximum)\\s*${NUMBER}`, 'i'),
    holds: (value, bound) => value <= bound,
  },
  {
    pattern: new RegExp(`(?:>|above|over|more than|exceed(?:s|ing)?|über|mehr als|plus de)\\s*${NUMBER}`, 'i'),
    holds: (value, bound) => value > bound,
  },
  {
    pattern: new RegExp(`(?:<|below|under|less than|unter|weniger als|moins de)\\s*${NUMBER}`, 'i'),
    holds: (value, bound) => value < bound,
  },
];

/** Undefined: the text states no rule. */
export function ruleHolds(text: string, value: number): boolean | undefined {
  const range = RANGE.exec(text);
  if (range !== null && !/\d{4}-\d\d/.test(text)) {
    const [low, high] = [numberOf(range[1] ?? ''), numberOf(range[2] ?? '')];
    return value >= low && value <= (/[kKmM]/.test(range[2] ?? '') && low > high ? low : high);
  }
  for (const { pattern, holds } of BOUNDS) {
    const match = pattern.exec(text);
    if (match !== null) return holds(value, numberOf(match[1] ?? ''));
  }
  return undefined;
}

/** null when the question has no number, or no rule speaks of its words. */
export function ruleAnswer(question: Question, candidates: readonly Candidate[]): string | null {
  const [value] = question.numbers;
  if (value === undefined) return null;
  const isMet = ({ fact, cover }: Candidate): boolean => {
    const met = question.concepts.filter((concept, at) => (cover[at] ?? 0) >= 0.3 && !/^\d/.test(concept.label)).length;
    const asked = question.concepts.filter((concept) => !/^\d/.test(concept.label)).length;
    return met > 0 && met / asked >= 0.5 && ruleTextOf(fact) !== null;
  };
  const ruled = candidates.filter(isMet);
  const [best] = ruled;
  if (best === undefined) return null;
  const family = ruled.filter((candidate) => candidate.note === best.note && candidate.score >= best.score - 1.2);
  const holding = family.filter(({ fact }) => ruleHolds(ruleTextOf(fact) ?? '', value) === true);
  if (holding.length === 0 || (holding.length === family.length && family.length > 3)) return null;
  const top = holding.filter((candidate) => candidate.score >= (holding[0]?.score ?? 0) - 0.1);
  return answerText(top);
}

/** The part of a fact that states the rule: the other cells of its row, its key, or its sentence. */
function ruleTextOf(fact: Candidate['fact']): string | null {
  const places = fact.kind === 'cell' ? fact.context : [fact.key, fact.value];
  return places.find((text) => ruleHolds(text, 0) !== undefined) ?? null;
}
