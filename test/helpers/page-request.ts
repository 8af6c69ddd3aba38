// One plain HTTP request with exactly the headers that are given, as no browser and no fetch would send it.
import { request, type IncomingHttpHeaders } from 'node:http';

export interface PageAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** `name=value` of the cookie that was set, or empty. */
  cookie: string;
}

export interface PageRequest {
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: unknown;
  /** Over this Unix socket instead of the address in the URL. */
  socketPath?: string;
}

export function pageRequest(
  url: string,
  { method = 'GET', headers = {}, body, socketPath }: PageRequest = {},
): Promise<PageAnswer> {
  const answer = Promise.withResolvers<PageAnswer>();
  const json = body === undefined ? undefined : JSON.stringify(body);
  const call = request(
    url,
    {
      method,
      agent: false,
      socketPath,
      headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
    },
    (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', answer.reject);
      response.on('end', () => {
        const cookie = response.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
        answer.resolve({ status: response.statusCode ?? 0, headers: response.headers, text, cookie });
      });
    },
  );
  call.on('error', answer.reject);
  call.end(json);
  return answer.promise;
}
