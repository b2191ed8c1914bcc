// The steps one after the other, until one knows. What happens here is told to `onChange`, to the
// other tabs, and as `passport:change` on the window.

// What is known of the visitor, and whether this page was made for somebody signed in.
let known = { status: "unknown" };
let madeFor;
const listeners = new Set();
const settle = (answer, isNews) => {
  const changed = answer.status !== known.status || answer.user?.id !== known.user?.id;
  const another = known.user && answer.user && answer.user.id !== known.user.id;
  known = answer;
  madeFor ??= answer.status;
  if (answer.status === "signed_in") {
    tab.set("out", null);
    dialog?.close();
    told = false;
    offer?.remove();
    follow();
  }
  if (!changed) return answer;
  for (const listener of listeners) listener(answer);
  dispatchEvent(new CustomEvent("passport:change", { detail: answer }));
  const stale = another || (isNews && answer.status !== madeFor);
  if (stale && option("reload") !== undefined) location.reload();
  return answer;
};

// A list of steps that were tried, each with what it said, why, and how long it took.
const trial = () => {
  const steps = [];
  const attempt = async (step, milliseconds, run) => {
    const since = performance.now();
    let said;
    try {
      said = (await within(milliseconds, run)) ?? { status: "unknown" };
    } catch (error) {
      // A TypeError is all that a script may know of a request that was refused or not answered.
      said = { status: "unknown", why: error.name === "TypeError" ? "refused" : error.name };
    }
    steps.push({ step, status: said.status, why: said.why, ms: Math.round(performance.now() - since) });
    return said;
  };
  return { steps, attempt };
};

const concluded = (steps, via, said, isNews) => {
  const { status = "unknown", user } = said;
  const answer = { status, via, user, steps };
  if (steps.length > 1) tab.set("steps", JSON.stringify(answer));
  return settle(answer, isNews);
};

// A ticket becomes a session of the app: its server redeems it with the verifier. Only then is
// anybody signed in.
const finish = async ({ steps, attempt }, via, state, ticket) => {
  const said = await attempt("finish", 15000, (signal) => own("finish", signal, { state, ticket }));
  if (said.status === "signed_in") channel?.postMessage("in");
  return concluded(steps, said.status === "signed_in" ? via : null, said, true);
};

const surelyOut = (steps, via) => {
  // Not asked again in this tab until the person wants to come in.
  tab.set("out", "1");
  return concluded(steps, via, { status: "signed_out" });
};

const climb = async ({ redirect = option("silent") === "redirect" } = {}) => {
  const all = trial();
  const { steps, attempt } = all;
  const session = await attempt("session", 5000, bySession);
  if (session.status !== "signed_out") return concluded(steps, session.status === "signed_in" ? "session" : null, session);
  madeFor ??= "signed_out";
  if (tab.get("out")) return concluded(steps, "memory", session);
  const asked = await attempt("begin", 5000, (signal) => own("begin", signal, { silent: true }));
  // Who has signed out of this app is not signed in again behind their back.
  if (asked.status === "signed_out") return surelyOut(steps, "session");
  if (!asked.challenge) return concluded(steps, null, { status: "unknown" });
  for (const [step, milliseconds, run] of SILENT) {
    const said = await attempt(step, milliseconds, (signal) => run(asked, signal));
    if (said.status === "signed_in") return finish(all, step, asked.state, said.ticket);
    if (said.status === "signed_out") return surelyOut(steps, step);
  }
  if (redirect && !tab.get("redirected")) {
    // Once in a tab: whoever comes back without a session is out.
    tab.set("redirected", "1");
    location.replace(`${mount}/login?${new URLSearchParams({ prompt: "none", next: here() })}`);
    return concluded(steps, "redirect", { status: "unknown" });
  }
  if (redirect && tab.get("redirected") === "1") return surelyOut(steps, "redirect");
  return concluded(steps, null, { status: "unknown" });
};

// The browser's own dialog. What fails at once has shown the person nothing.
const withFedcm = async (milliseconds, mode) => {
  const all = trial();
  const asked = await all.attempt("begin", 5000, (signal) => own("begin", signal, {}));
  const since = performance.now();
  const said = await all.attempt("fedcm", milliseconds, (signal) => byFedcm(asked, signal, "optional", mode));
  if (said.status === "signed_in") return finish(all, "fedcm", asked.state, said.ticket);
  const answer = concluded(all.steps, null, { status: "unknown" });
  return { ...answer, atOnce: performance.now() - since < 1000 };
};

// Passport's page in a window of its own. It is the app's own redirect that runs there and ends on
// the app's own origin, which tells us: so Passport's page need not know or trust its opener, and no
// ticket goes through a page. Nothing comes between the click and the window, or browsers block it.
const byPopup = (next) => {
  const way = new URLSearchParams({ next: `${mount}/popup?${new URLSearchParams({ next })}` });
  const size = `width=480,height=720,left=${screenX + (outerWidth - 480) / 2},top=${screenY + 60}`;
  return channel && open(`${mount}/login?${way}`, "passport", `popup,${size}`);
};
const signedIn = () => new Promise((done) => {
  const listener = (answer) => {
    if (answer.status !== "signed_in") return;
    listeners.delete(listener);
    done({ ...answer, via: "popup" });
  };
  listeners.add(listener);
});

const enter = async ({ next = here() } = {}) => {
  tab.set("out", null);
  if (hasFedcm()) {
    const said = await withFedcm(120000, "active");
    // The next click takes another way. This one, too, if the person has seen nothing yet.
    if (said.status !== "signed_in") tab.set("fedcm", "no");
    if (!said.atOnce) return said;
  }
  const answer = signedIn();
  if (byPopup(next)) return answer;
  location.assign(`${mount}/login?${new URLSearchParams({ next })}`);
  return answer;
};

const leave = async ({ everywhere = true, next } = {}) => {
  // In this tab it is no news.
  told = true;
  tab.set("out", "1");
  navigator.credentials?.preventSilentAccess?.();
  const scope = everywhere ? "session" : "app";
  const answer = await fetch(`${mount}/logout`, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams({ scope }),
  });
  channel?.postMessage("out");
  settle({ status: "signed_out", via: "session", steps: [] }, true);
  // Within this site, and never a `javascript:` address, whatever the page was given.
  const onwards = next && new URL(next, location.href);
  if (onwards && onwards.origin === location.origin) location.assign(onwards.href);
  if (!answer.ok) throw new Error("Signed out here; elsewhere nobody knows: Passport is away.");
};

// Somebody may have come or gone while this page was not looked at: the app itself is asked, every
// few seconds at most.
const AGAIN = 5000;
let asked = -AGAIN;
const recheck = async () => {
  if (performance.now() - asked < AGAIN) return;
  asked = performance.now();
  const said = await within(5000, bySession).catch(() => ({ status: "unknown" }));
  if (said.status !== "unknown") settle({ ...said, via: "session", steps: [] }, said.status === "signed_in");
};

// Every silent step by itself, for a page that shows what works in this browser.
const explained = async () => {
  const { steps, attempt } = trial();
  const asked = await attempt("begin", 5000, (signal) => own("begin", signal, {}));
  for (const [step, milliseconds, run] of asked.challenge ? SILENT : []) {
    await attempt(step, milliseconds, (signal) => run(asked, signal));
  }
  return steps;
};

let climbing;
const passport = {
  check(wish) {
    // One at a time. Who allows the trip may be told of an attempt that was not allowed it.
    const more = (said) => (wish?.redirect && said.status === "unknown" ? climb(wish) : said);
    const mine = climbing ? climbing.then(more) : climb(wish);
    climbing = mine;
    mine.finally(() => {
      if (climbing === mine) climbing = undefined;
    });
    return mine;
  },
  login: enter,
  logout: leave,
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  explain: explained,
  // How the ladder ended when it was last climbed in this tab.
  get last() {
    try {
      return JSON.parse(tab.get("steps"));
    } catch {
      return null;
    }
  },
};
