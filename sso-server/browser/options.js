// What the page has asked for, by `data-` attributes of the script element or by the query of the
// module's address: `app`, `mount` (where the app's own routes are), `silent` (`off`, `check`,
// `redirect`), `oneTap`, `reload`, `fedcm` (`off`).
const address = new URL(from);
const passportOrigin = address.origin;
const option = (name) => (script ? script.dataset[name] : address.searchParams.get(name)) ?? undefined;
const mount = option("mount") || "/sso";
const inPage = option("app") !== undefined;

// What this tab remembers. Without a memory nothing that may happen only once happens at all.
const tab = {
  get(name) {
    try {
      return sessionStorage.getItem(`passport.${name}`);
    } catch {
      return "forgetful";
    }
  },
  set(name, value) {
    try {
      if (value === null) sessionStorage.removeItem(`passport.${name}`);
      else sessionStorage.setItem(`passport.${name}`, value);
    } catch {}
  },
};

const channel = "BroadcastChannel" in window ? new BroadcastChannel("passport") : null;
const here = () => location.pathname + location.search;

const element = (name, style, text) => {
  const made = document.createElement(name);
  // Through the object model: an app's policy against inline style does not concern it.
  Object.assign(made.style, style);
  if (text) made.textContent = text;
  return made;
};
