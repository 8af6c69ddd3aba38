// Metrics of who was refused for having had enough: requests by rate, runs and turns by budget.
// Guarantee: label values are names from the source, never a caller's.
import { beginAtZero, type MetricFactory } from './metric-factory.ts';

const RATE_LIMITS = ['requests', 'tool_calls', 'auth_failures'];
const BUDGETS = ['tokens_day', 'tokens_month', 'usd_day', 'usd_month', 'cloud_month'];

export interface LimitMetrics {
  rateLimited(limit: string): void;
  budgetRefused(budget: string): void;
}

export function createLimitMetrics({ counter }: MetricFactory): LimitMetrics {
  const rateLimited = counter('rate_limited_total', 'Requests refused because too many came', ['limit']);
  const budgetRefused = counter('budget_refused_total', 'Runs and turns refused for a budget', ['budget']);
  beginAtZero(rateLimited, 'limit', RATE_LIMITS);
  beginAtZero(budgetRefused, 'budget', BUDGETS);
  return {
    rateLimited: (limit) => rateLimited.inc({ limit }),
    budgetRefused: (budget) => budgetRefused.inc({ budget }),
  };
}
