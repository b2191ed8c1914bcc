// Says in words how Passport's sso.js found out who is here.
"use strict";
const STEPS = {
  session: "This site's own session",
  begin: "This site begins",
  memory: "This tab remembers",
  check: "A request to Passport",
  frame: "A frame of Passport's",
  fedcm: "The browser itself (FedCM)",
  redirect: "A trip to Passport and back",
  popup: "Passport in a window",
  finish: "This site redeems the ticket",
};
const STATUS = { signed_in: "signed in", signed_out: "signed out", unknown: "cannot tell" };
const WHY = {
  blocked: "This browser keeps Passport's cookies out of other sites' pages.",
  refused: "The request was refused or not answered.",
  unsupported: "This browser does not have it, or it has come to nothing in this tab before.",
  TimeoutError: "No answer in time.",
  NotAllowedError: "The browser, or you, said no.",
  NetworkError: "The browser has found nobody to ask, or may not ask so soon again.",
  IdentityCredentialError: "Passport has declined.",
  AbortError: "It was called off.",
  unavailable: "Passport cannot be reached.",
};
const cell = (text) => {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
};
const show = (body, steps) => body.replaceChildren(...steps.map(({ step, status, why, ms }) => {
  const row = document.createElement("tr");
  const said = status ? STATUS[status] : "ready";
  row.append(cell(STEPS[step] ?? step), cell(said), cell(why ? WHY[why] ?? why : ""), cell(`${ms} ms`));
  row.dataset.step = step;
  row.dataset.status = status ?? "";
  row.dataset.why = why ?? "";
  return row;
}));

const find = (id) => document.getElementById(id);
const tell = async () => {
  const now = await passport.check();
  const last = passport.last ?? now;
  // What knew it first, before it was remembered.
  const found = now.status === last.status && ["session", "memory"].includes(now.via) ? last : now;
  find("outcome").textContent = now.status === "signed_in"
    ? `You are ${now.user.username}. What knew it: ${(STEPS[found.via] ?? "another page of this site").replace(/^[AT]/, (first) => first.toLowerCase())}.`
    : now.status === "signed_out"
      ? `You are surely signed out. What knew it: ${STEPS[found.via].replace(/^[AT]/, (first) => first.toLowerCase())}.`
      : "Nobody can tell without a click: this browser lets no page look in silence.";
  find("outcome").dataset.via = found.via ?? "";
  show(find("last"), last.steps);
};
find("explain").addEventListener("click", async () => {
  find("explain").disabled = true;
  find("each").hidden = false;
  show(find("now"), await passport.explain());
  find("explain").disabled = false;
});
tell();
