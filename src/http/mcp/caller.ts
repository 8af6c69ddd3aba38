// Who makes an MCP call, carried through the SDK as its auth info, together with the call that was prepared and audited
// before the SDK saw the request.
import type { AuthInfo } from '@modelcontextprotocol/server';
import type { Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import type { CallTransport } from '../ports.ts';
import type { PreparedCall } from './prepared-call.ts';

export interface Caller {
  principal: Principal;
  requestId: string;
  transport: CallTransport;
  /** Tells two clients with one key apart when one of them cancels. */
  peer: string;
  /** The client's trace, as it wrote it. */
  traceparent?: string | undefined;
}

/** The SDK passes this object on untouched; it never holds the key itself. */
export class CallerAuth implements AuthInfo {
  readonly token = '';
  readonly clientId: string;
  readonly scopes: string[];
  readonly caller: Caller;
  #prepared: PreparedCall | undefined;

  constructor(caller: Caller, prepared?: PreparedCall) {
    this.caller = caller;
    this.clientId = caller.principal.id;
    this.scopes = [...caller.principal.scopes];
    this.#prepared = prepared;
  }

  get isPending(): boolean {
    return this.#prepared !== undefined;
  }

  /** Hands the prepared call over once; what is never taken is closed in the audit as an error. */
  takePrepared(): PreparedCall | undefined {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    return prepared;
  }
}

export function callerAuthOf(authInfo: AuthInfo | undefined): CallerAuth {
  if (authInfo instanceof CallerAuth) return authInfo;
  throw new AppError('UNAUTHENTICATED', 'The call carries no caller', { hint: 'Reach MCP through the listeners only' });
}
