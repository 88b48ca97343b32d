/**
 * What was read of an encrypted edge, in words.
 *
 * In: the answer of `tlsCoverage`, a row for each end that counted.  Out: sentences.
 */

export interface Unread {
  library: string;
  reason: string;
  why: string;
  remedy: string;
  connections: number;
}

export interface Coverage {
  side: "CLIENT" | "SERVER";
  connections: number;
  readable: number;
  unread: Unread[];
}

export interface Sentence {
  text: string;
  /** What would make it readable; empty when it is. */
  remedy: string;
}

export function sentencesOf(rows: Coverage[]): Sentence[] {
  return rows.flatMap((row) => [...readIn(row), ...row.unread.map((one) => unreadIn(row, one))]);
}

function readIn({ side, readable }: Coverage): Sentence[] {
  if (readable === 0) return [];
  const text = `${side.toLowerCase()}: ${countOf(readable)} read in clear.`;
  return [{ text, remedy: "" }];
}

function unreadIn({ side }: Coverage, { library, why, remedy, connections }: Unread): Sentence {
  const name = library === "unknown" ? "" : `${library}: `;
  const text = `${side.toLowerCase()}: ${countOf(connections)} encrypted and not read: ${name}${why}.`;
  return { text, remedy };
}

function countOf(connections: number): string {
  return connections === 1 ? "1 TLS connection" : `${connections} TLS connections`;
}

/** Why an encrypted edge has no HTTP numbers, as far as is known; empty: it is not. */
export function whyUnread(rows: Coverage[]): string {
  const reasons = rows.flatMap((row) => row.unread.map((one) => one.why));
  return [...new Set(reasons)].join("; ");
}
