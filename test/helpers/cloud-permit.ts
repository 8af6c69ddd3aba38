// A caller's permit that writes down, in order, what is asked of it; each step can be made to refuse.
import { AppError } from '../../src/lib/app-error.ts';
import type { CloudPermit, Egress } from '../../src/model/chat-backend.ts';

export interface RecordingPermit extends CloudPermit {
  /** `reserve`, `egress`, `settle`, and whatever the test adds. */
  readonly events: string[];
  readonly egresses: Egress[];
  readonly reservedUsd: number[];
  readonly settledUsd: number[];
}

export interface PermitOptions {
  consent?: boolean;
  budgetUsd?: number;
  isAuditDown?: boolean;
}

export function createRecordingPermit(options: PermitOptions = {}): RecordingPermit {
  const { consent = true, budgetUsd = 100, isAuditDown = false } = options;
  const permit = {
    consent,
    events: [] as string[],
    egresses: [] as Egress[],
    reservedUsd: [] as number[],
    settledUsd: [] as number[],
    reserve(maxCostUsd: number) {
      permit.events.push('reserve');
      permit.reservedUsd.push(maxCostUsd);
      if (maxCostUsd > budgetUsd || budgetUsd === 0) throw new AppError('BUDGET_EXCEEDED', 'too dear');
      return {
        settle(costUsd: number) {
          permit.events.push('settle');
          permit.settledUsd.push(costUsd);
        },
      };
    },
    async recordEgress(egress: Egress) {
      permit.events.push('egress');
      if (isAuditDown) throw new AppError('AUDIT_UNAVAILABLE', 'the audit is down');
      permit.egresses.push(egress);
    },
  };
  return permit;
}
