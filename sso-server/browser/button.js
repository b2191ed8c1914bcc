// A button and a one-tap offer.
const press = async (pressed, act) => {
  pressed.setAttribute("aria-busy", "true");
  // The person may close the window that opens: the button stays of use.
  setTimeout(() => pressed.removeAttribute("aria-busy"), 3000);
  await act().catch(() => {});
};

// Elements with `data-passport="login"` or `"logout"`, now or later on the page. A link stays a link
// for those without script: `<a data-passport="login" class="passport-button" href="/sso/login">`.
document.addEventListener("click", (event) => {
  const pressed = event.target.closest?.("[data-passport]");
  const { passport: does, next, scope } = pressed?.dataset ?? {};
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (does === "login") {
    event.preventDefault();
    press(pressed, () => enter({ next }));
  } else if (does === "logout") {
    event.preventDefault();
    press(pressed, () => leave({ everywhere: scope !== "app", next }));
  }
});
const label = () => {
  for (const empty of document.querySelectorAll("[data-passport=login]:empty")) empty.textContent = texts.with;
};

// One tap: the browser's own small dialog where it has one and nobody knows who is there, else ours.
// Who says no is not asked again in this tab.
let offer;
const offerOneTap = async (status) => {
  if (tab.get("later")) return;
  if (status === "unknown" && hasFedcm()) {
    const said = await withFedcm(60000);
    if (!said.atOnce) return;
  }
  if (known.status === "signed_in" || offer) return;
  const later = button("plain", texts.later, () => {
    tab.set("later", "1");
    offer.remove();
  });
  const go = button("", texts.go, () => press(go, () => enter()));
  offer = card("section", "passport-offer", texts.with, texts.offer, go, later);
  offer.addEventListener("keydown", (event) => event.key === "Escape" && later.click());
};
