/**
 * Asking the backend, and saying who must act when it does not answer.
 */

/** `unreachable`: nobody answers; `refused`: an answer that is no GraphQL; `query`: it said no. */
export type Cause = "unreachable" | "refused" | "query";

export class BackendError extends Error {
  constructor(
    readonly cause: Cause,
    message: string,
  ) {
    super(message);
  }
}

export type Variables = Record<string, unknown>;
export type Ask = <T>(query: string, variables?: Variables, signal?: AbortSignal) => Promise<T>;

interface Reply {
  data?: unknown;
  errors?: { message: string }[];
}

/** One POST; partial data with errors is an error, for half a picture would look like a whole. */
export const ask: Ask = async <T>(
  query: string,
  variables: Variables = {},
  signal?: AbortSignal,
) => {
  const reply = await read(await send(query, variables, signal));
  if (reply.errors?.length) {
    throw new BackendError("query", reply.errors.map((error) => error.message).join("; "));
  }
  return reply.data as T;
};

async function send(query: string, variables: Variables, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new BackendError("unreachable", error instanceof Error ? error.message : String(error));
  }
}

async function read(response: Response): Promise<Reply> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Reply;
  } catch {
    throw new BackendError("refused", `HTTP ${response.status} ${response.statusText}`.trim());
  }
}

export interface Problem {
  title: string;
  action: string;
}

/** What went wrong and what the operator can do about it. */
export function adviceOf(error: unknown): Problem {
  if (!(error instanceof BackendError)) {
    return { title: "The page stumbled", action: `Reload it. (${String(error)})` };
  }
  const title = TITLES[error.cause];
  const action = ACTIONS[error.cause];
  return { title, action: `${action} (${error.message})` };
}

const TITLES: Record<Cause, string> = {
  unreachable: "The backend does not answer",
  refused: "Something else answers in the backend's place",
  query: "The backend could not answer a question",
};

const ACTIONS: Record<Cause, string> = {
  unreachable: "Start it with `podwire up` or `podwire backend`; this page goes on by itself.",
  refused: "Check the proxy in front of it; this page goes on by itself.",
  query: "Its log names the cause; this page keeps asking.",
};
