// What the page says when its session is over, why, and what can be done about it; and when the app
// has not heard from Passport for too long. Colours: --passport-ground, --passport-ink,
// --passport-accent, --passport-on-accent.
// Somebody else may have done these; the person should be able to say so.
const SUSPICIOUS = ["kicked", "user", "app", "password_changed", "factor_changed"];

// Passport's label of a device, "Firefox on Windows", in the page's language.
const device = (label) => {
  if (label === "Unknown device") return texts.unknown;
  const [browser, system] = label.split(" on ");
  const shown = browser === "Browser" ? texts.browser : browser;
  return system ? texts.on(shown, system) : shown;
};

const BUTTON = {
  display: "inline-block", padding: "0.6rem 1.1rem", borderRadius: "9px", font: "inherit",
  fontWeight: "600", textDecoration: "none", cursor: "pointer", border: "1px solid currentcolor",
  background: "transparent", color: "inherit",
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

  dialog = element("dialog", {
    border: "1px solid rgb(128 128 128 / 35%)", borderRadius: "14px", padding: "1.75rem", maxWidth: "26rem",
    width: "calc(100% - 2.5rem)", boxSizing: "border-box", lineHeight: "1.5",
    background: "var(--passport-ground, Canvas)", color: "var(--passport-ink, CanvasText)",
    boxShadow: "0 20px 60px rgb(0 0 0 / 35%)", fontFamily: "system-ui, sans-serif",
  });
  dialog.id = "passport-over";
  const title = element("h2", { margin: "0 0 0.5rem", fontSize: "1.25rem" }, texts.title);
  title.id = "passport-over-title";
  const text = element("p", { margin: "0 0 1.25rem" }, why);
  text.id = "passport-over-text";
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.setAttribute("aria-describedby", text.id);
  const choices = element("p", { margin: "0", display: "flex", flexWrap: "wrap", gap: "0.6rem" });
  const again = element("a", {
    ...BUTTON, borderColor: "transparent", background: "var(--passport-accent, #2f55cf)",
    color: "var(--passport-on-accent, #fff)",
  }, texts.again);
  again.href = `${mount}/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  choices.append(again);
  if (SUSPICIOUS.includes(cause)) {
    const notMe = element("a", BUTTON, texts.not_me);
    notMe.href = `${passportOrigin}/account/secure`;
    choices.append(notMe);
  }
  const close = element("button", BUTTON, texts.close);
  close.type = "button";
  close.addEventListener("click", () => dialog.close());
  choices.append(close);
  dialog.append(title, text, choices);
  document.body.append(dialog);
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
  banner = element("p", {
    position: "fixed", insetInline: "0", bottom: "0", margin: "0", padding: "0.8rem 1.25rem",
    zIndex: "2147483647", textAlign: "center", lineHeight: "1.45",
    background: "var(--passport-ground, Canvas)", color: "var(--passport-ink, CanvasText)",
    boxShadow: "0 -4px 24px rgb(0 0 0 / 25%)", fontFamily: "system-ui, sans-serif",
  });
  banner.id = "passport-away";
  banner.setAttribute("role", "status");
  document.body.append(banner);
  // After it is there, so that it is read out.
  banner.textContent = texts.away;
};
