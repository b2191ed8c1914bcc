// What a script in the page of an app may ask of Passport. docs/in-page.md has the whole story.

/** `unknown`: this browser does not let anybody tell without a click, or nobody can be reached. */
export type Status = "signed_in" | "signed_out" | "unknown";

/** What answered: a step of the ladder, or `memory` (this tab was told before). */
export type Via = "session" | "memory" | "check" | "frame" | "fedcm" | "redirect" | "popup";

/** Somebody as the app's own server says it. */
export interface User {
  id: string;
  username: string;
  nickname: string | null;
}

/** A step that was tried. */
export interface Step {
  step: "session" | "begin" | "finish" | Via;
  status?: Status;
  /** Why it did not tell: `blocked`, `refused`, `unsupported`, `TimeoutError`, a status, … */
  why?: string;
  /** How long it took. */
  ms: number;
}

export interface Answer {
  status: Status;
  via: Via | null;
  user?: User;
  steps: Step[];
}

export interface Passport {
  /** Tries every way that shows nothing, one after the other. `redirect` allows one trip of the whole page, once in a tab. */
  check(wish?: { redirect?: boolean }): Promise<Answer>;
  /** Signs in. Call it in a click: by the browser's own dialog, a window, or a redirect. */
  login(wish?: { next?: string }): Promise<Answer>;
  /** Signs out: at every app of this device, or of this app alone. Rejects when only this app could be reached. */
  logout(wish?: { everywhere?: boolean; next?: string }): Promise<void>;
  /** Hears of every change; the answer takes the listener back. */
  onChange(listener: (answer: Answer) => void): () => void;
  /** Tries each silent step by itself and says what came of it. Signs nobody in. */
  explain(): Promise<Step[]>;
  /** How it ended when `check` or `login` was last at work in this tab. */
  readonly last: Answer | null;
}

export const check: Passport["check"];
export const login: Passport["login"];
export const logout: Passport["logout"];
export const onChange: Passport["onChange"];
export const explain: Passport["explain"];
declare const passport: Passport;
export default passport;

declare global {
  interface Window {
    /** Of `<script src="…/sso.js">`. */
    passport: Passport;
  }
  interface WindowEventMap {
    "passport:change": CustomEvent<Answer>;
    "passport:over": CustomEvent<{ state: "ended" | "expired"; cause: string | null }>;
    "passport:away": CustomEvent<boolean>;
  }
}
