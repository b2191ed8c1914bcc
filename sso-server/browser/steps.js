// The ways to learn whether the visitor is signed in at Passport without leaving the page, each by
// itself. A step answers `{ status, ticket?, why? }`; a ticket is of no use to whoever has no
// verifier, and that is in a cookie that no script can read.

// Runs a step for so long at most.
const within = (milliseconds, step) => new Promise((done, fail) => {
  const stop = new AbortController();
  const end = () => {
    stop.abort();
    fail(new DOMException("", "TimeoutError"));
  };
  const timer = setTimeout(end, milliseconds);
  step(stop.signal).then(done, fail).finally(() => clearTimeout(timer));
});

// The app's own routes: its server has the verifier, and makes a session of a ticket.
const own = async (route, signal, body) => {
  const answer = await fetch(`${mount}/${route}`, {
    signal,
    cache: "no-store",
    ...(body && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const said = await answer.json().catch(() => ({}));
  return answer.ok ? said : { status: "unknown", why: said.code || String(answer.status) };
};
const bySession = (signal) => own("session", signal);

// A request of this page, with Passport's cookie where the browser lets it go along.
const byCheck = async (asked, signal) => {
  const { app, state, challenge } = asked;
  const question = new URLSearchParams({ app, state, challenge });
  const answer = await fetch(`${passportOrigin}/check?${question}`, { credentials: "include", signal });
  if (!answer.ok) return { status: "unknown", why: String(answer.status) };
  const said = await answer.json();
  return said.status === "unknown" ? { ...said, why: "blocked" } : said;
};

// A page of Passport's in this one, which may ask the browser to let its cookies through. It hears
// this page alone and answers it alone; so do we.
const byFrame = ({ app, state, challenge }, signal) => new Promise((done) => {
  const frame = element("iframe", "passport-frame");
  const hear = ({ source, origin, data }) => {
    const answer = source === frame.contentWindow && origin === passportOrigin
      && data?.passport === "answer" && data.state === state;
    if (answer) end(data);
  };
  const end = (answer) => {
    removeEventListener("message", hear);
    frame.remove();
    done(answer);
  };
  addEventListener("message", hear);
  signal.addEventListener("abort", () => end());
  frame.allow = "storage-access; identity-credentials-get";
  frame.title = "Passport";
  frame.hidden = true;
  frame.addEventListener("load", () => {
    frame.contentWindow?.postMessage({ passport: "ask", state, challenge }, passportOrigin);
  });
  frame.src = `${passportOrigin}/frame?${new URLSearchParams({ app })}`;
  document.body.append(frame);
});

// FedCM: the browser itself asks Passport, and the person where it must. `silent` shows nothing,
// `optional` a small dialog of the browser's, mode `active` needs a click. The token is the ticket.
const hasFedcm = () => "IdentityCredential" in window && option("fedcm") !== "off" && !tab.get("fedcm");
const byFedcm = async ({ app, state, challenge }, signal, mediation, mode) => {
  if (!hasFedcm()) return { status: "unknown", why: "unsupported" };
  const provider = {
    configURL: `${passportOrigin}/fedcm/config.json`,
    clientId: app,
    fields: [],
    params: { state, challenge },
  };
  const identity = { context: "signin", providers: [provider], ...(mode && { mode }) };
  const { token } = await navigator.credentials.get({ identity, mediation, signal });
  return { status: "signed_in", ticket: token };
};

// What nobody sees, in the order in which it is tried, and for how many milliseconds each.
const SILENT = [
  ["check", 5000, byCheck],
  ["frame", 5000, byFrame],
  ["fedcm", 4000, (asked, signal) => byFedcm(asked, signal, "silent")],
];
