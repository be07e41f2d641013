/** Codes are opaque but for this: a part code begins with the code of its root (IDENTITY §8). */
export const ROOT_LENGTH = 21;

export function rootOf(code: string): string {
  return code.slice(0, ROOT_LENGTH);
}

export function isPart(code: string): boolean {
  return code.length > ROOT_LENGTH;
}
