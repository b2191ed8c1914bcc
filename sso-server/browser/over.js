// What the page says when its session is over, why, and what can be done about it; and when the app
// has not heard from Passport for too long.

// Somebody else may have done these; the person should be able to say so.
const SUSPICIOUS = ["kicked", "user", "app", "password_changed", "factor_changed"];

// Passport's label of a device, "Firefox on Windows", in the page's language.
const device = (label) => {
  if (label === "Unknown device") return texts.unknown;
  const [browser, system] = label.split(" on ");
  const shown = browser === "Browser" ? texts.browser : browser;
  return system ? texts.on(shown, system) : shown;
};

let told = false;
let dialog;
const tell = (over) => {
  if (told) return;
  told = true;
  dispatchEvent(new CustomEvent("passport:over", { detail: over }));
  const cause = over.state === "expired" ? "expired" : over.cause;
  const by = over.replaced_by && {
    ...over.replaced_by,
    device: device(over.replaced_by.device),
    time: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" })
      .format(over.replaced_by.at * 1000),
  };
  const why = cause === "kicked" && by ? texts.kicked(by)
    : typeof texts[cause] === "string" ? texts[cause] : texts.other;

  const choices = [link("", texts.again, `${mount}/login?${new URLSearchParams({ next: here() })}`)];
  if (SUSPICIOUS.includes(cause)) choices.push(link("plain", texts.not_me, `${passportOrigin}/account/secure`));
  choices.push(button("plain", texts.close, () => dialog.close()));
  dialog = card("dialog", "passport-over", texts.title, why, ...choices);
  dialog.showModal();
};

let banner;
const away = (is) => {
  if (is === Boolean(banner) || told) return;
  dispatchEvent(new CustomEvent("passport:away", { detail: is }));
  if (!is) {
    banner.remove();
    banner = undefined;
    return;
  }
  banner = element("p", "passport-card");
  banner.id = "passport-away";
  banner.setAttribute("role", "status");
  document.body.append(banner);
  // After it is there, so that it is read out.
  banner.textContent = texts.away;
};
