// A number on the command line: what is none is wrong usage (exit status 2), told before anything is asked of the daemon.
import { InvalidArgumentError } from 'commander';

/** For an option's parser. */
export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
  };
}
