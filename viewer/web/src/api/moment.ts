let moment: string | null = null;

/** What is read from now on is as of `at` (RFC 3339, UTC); null: as it is now. */
export function setAsOf(at: string | null): void {
  moment = at;
}

export const asOf = () => moment;

/** A path that can be asked as of a time, asked as of the moment the page shows. */
export function atMoment(path: string, at: string | null = moment): string {
  if (at === null) return path;
  return `${path}${path.includes("?") ? "&" : "?"}asOf=${encodeURIComponent(at)}`;
}
