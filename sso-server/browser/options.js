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

const element = (name, className, text) => {
  const made = document.createElement(name);
  made.className = className;
  if (text) made.textContent = text;
  return made;
};
// A title, a text, and what can be done about it.
const card = (name, id, title, text, ...choices) => {
  const made = element(name, "passport-card");
  const [heading, words, below] = [element("h2", "", title), element("p", "", text), element("div", "")];
  made.id = id;
  heading.id = `${id}-title`;
  words.id = `${id}-text`;
  made.setAttribute("aria-labelledby", heading.id);
  made.setAttribute("aria-describedby", words.id);
  below.append(...choices);
  made.append(heading, words, below);
  document.body.append(made);
  return made;
};
const link = (className, text, href) => Object.assign(element("a", `passport-button ${className}`, text), { href });
const button = (className, text, act) => {
  const made = element("button", `passport-button ${className}`, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};
