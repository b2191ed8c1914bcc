// A button and a one-tap offer. Both take their looks from variables: --passport-accent,
// --passport-on-accent, --passport-ground, --passport-ink, --passport-radius, --passport-font.
const LOOKS = `
:where(.passport-button){display:inline-flex;align-items:center;justify-content:center;gap:.6em;box-sizing:border-box;min-height:2.75rem;
padding:.5rem 1.1rem;border:1px solid transparent;border-radius:var(--passport-radius,9px);background:var(--passport-accent,#2f55cf);
color:var(--passport-on-accent,#fff);font:600 1rem/1.2 var(--passport-font,system-ui,sans-serif);text-decoration:none;cursor:pointer}
:where(.passport-button)::before{content:"";width:.5em;height:.5em;border:.2em solid;border-radius:50%;box-shadow:.75em .35em 0 -.22em}
:where(.passport-button):hover{filter:brightness(1.1)}
:where(.passport-button[aria-busy=true]){opacity:.7;cursor:progress}
:where(.passport-button.plain){background:transparent;color:inherit;border-color:currentcolor}
:where(.passport-button.plain)::before{content:none}
:where(.passport-button):focus-visible{outline:3px solid var(--passport-accent,#2f55cf);outline-offset:3px}
:where(#passport-offer){position:fixed;z-index:2147483646;top:1rem;inset-inline-end:1rem;box-sizing:border-box;width:min(22rem,calc(100% - 2rem));
padding:1.25rem;border:1px solid rgb(128 128 128/35%);border-radius:14px;background:var(--passport-ground,Canvas);color:var(--passport-ink,CanvasText);
font:1rem/1.45 var(--passport-font,system-ui,sans-serif);box-shadow:0 12px 40px rgb(0 0 0/30%)}
:where(#passport-offer h2){margin:0 0 .35rem;font:inherit;font-weight:600}
:where(#passport-offer p){margin:0 0 1rem}
:where(#passport-offer div){display:flex;flex-wrap:wrap;gap:.6rem}
@media(max-width:30rem){:where(#passport-offer){top:auto;bottom:1rem;inset-inline:1rem;width:auto}}
@media(forced-colors:active){:where(.passport-button){border-color:ButtonText}}`;
// A sheet of our own: an app's policy against inline style does not concern it.
if ("adoptedStyleSheets" in document) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOOKS);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

const press = async (button, act) => {
  button.setAttribute("aria-busy", "true");
  // The person may close the window that opens: the button stays of use.
  setTimeout(() => button.removeAttribute("aria-busy"), 3000);
  await act().catch(() => {});
};

// Elements with `data-passport="login"` or `"logout"`, now or later on the page. A link stays a link
// for those without script: `<a data-passport="login" class="passport-button" href="/sso/login">`.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-passport]");
  const does = button?.dataset.passport;
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (does === "login") {
    event.preventDefault();
    press(button, () => enter({ next: button.dataset.next }));
  } else if (does === "logout") {
    event.preventDefault();
    press(button, () => leave({ everywhere: button.dataset.scope !== "app", next: button.dataset.next }));
  }
});
const label = () => {
  for (const button of document.querySelectorAll("[data-passport=login]:empty")) {
    button.textContent = texts.with;
  }
};

// One tap: the browser's own small dialog where it has one, else ours. Who says no is not asked
// again in this tab.
let offer;
const offerOneTap = async () => {
  if (tab.get("later")) return;
  if (hasFedcm()) {
    const all = trial();
    const asked = await all.attempt("begin", 5000, (signal) => own("begin", signal, { silent: true }));
    if (!asked.challenge) return;
    const said = await all.attempt("fedcm", 60000, (signal) => byFedcm(asked, signal, "optional"));
    if (said.status === "signed_in") return finish(all, "fedcm", asked.state, said.ticket);
  }
  if (known.status === "signed_in" || offer) return;
  offer = element("section");
  offer.id = "passport-offer";
  offer.setAttribute("aria-labelledby", "passport-offer-title");
  const title = element("h2", {}, texts.with);
  title.id = "passport-offer-title";
  const go = element("button", {}, texts.go);
  const later = element("button", {}, texts.later);
  go.type = later.type = "button";
  go.className = "passport-button";
  later.className = "passport-button plain";
  go.addEventListener("click", () => press(go, () => enter()));
  later.addEventListener("click", () => {
    tab.set("later", "1");
    offer.remove();
  });
  offer.addEventListener("keydown", (event) => event.key === "Escape" && later.click());
  const choices = element("div");
  choices.append(go, later);
  offer.append(title, element("p", {}, texts.offer), choices);
  document.body.append(offer);
};
