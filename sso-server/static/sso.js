// Passport in the page of an app. Put it on every page that shows somebody signed in:
//   <script defer src="https://sso.example/sso.js" data-mount="/sso"></script>
// It follows the app's own `/sso/stream` and says at once when the session of this page is over,
// why, and what can be done about it; and when the app has not heard from Passport for too long. One
// tab listens; the others hear from that one that there is something to look at, and look for
// themselves: whoever has signed in again meanwhile is not signed out by old news. Colours:
// --passport-ground, --passport-ink, --passport-accent, --passport-on-accent.
"use strict";
(() => {
  const script = document.currentScript;
  const mount = script.dataset.mount || "/sso";
  const passport = new URL(script.src).origin;

  const TEXTS = {
    en: {
      title: "You are signed out",
      kicked: (by) => `Somebody signed in on ${by.device} (${by.address}) at ${by.time}. That took the place of this session.`,
      user: "You signed out on another page or device.",
      app: "You signed out on another page or device.",
      admin: "An administrator ended this session.",
      password_changed: "The password of this account was changed.",
      factor_changed: "The way to sign in to this account was changed.",
      disabled: "This account was disabled.",
      deleted: "This account was deleted.",
      idle: "This session lay unused for too long.",
      expired: "The time of this session is up.",
      other: "This session has ended.",
      again: "Sign in again",
      not_me: "This was not me",
      close: "Close",
      away: "The sign-in service cannot be reached at the moment. You are not signed out; this page may ask you to wait.",
      on: (browser, system) => `${browser} on ${system}`,
      browser: "a browser",
      unknown: "an unknown device",
    },
    zh: {
      title: "您已退出登录",
      kicked: (by) => `有人于 ${by.time} 在 ${by.device}（${by.address}）上登录，取代了此会话。`,
      user: "您已在其他页面或设备上退出登录。",
      app: "您已在其他页面或设备上退出登录。",
      admin: "管理员结束了此会话。",
      password_changed: "此账号的密码已更改。",
      factor_changed: "此账号的登录方式已更改。",
      disabled: "此账号已被停用。",
      deleted: "此账号已被删除。",
      idle: "此会话闲置过久。",
      expired: "此会话已到期。",
      other: "此会话已结束。",
      again: "重新登录",
      not_me: "这不是我本人操作",
      close: "关闭",
      away: "暂时无法连接登录服务。您并未退出登录，但此页面可能需要稍候。",
      on: (browser, system) => `${system} 上的 ${browser}`,
      browser: "浏览器",
      unknown: "未知设备",
    },
    ru: {
      title: "Вы вышли",
      kicked: (by) => `Выполнен вход: ${by.device} (${by.address}), ${by.time}. Он занял место этого сеанса.`,
      user: "Вы вышли на другой странице или другом устройстве.",
      app: "Вы вышли на другой странице или другом устройстве.",
      admin: "Этот сеанс завершил администратор.",
      password_changed: "Пароль этой учётной записи изменён.",
      factor_changed: "Способ входа в эту учётную запись изменён.",
      disabled: "Эта учётная запись отключена.",
      deleted: "Эта учётная запись удалена.",
      idle: "Этот сеанс слишком долго не использовался.",
      expired: "Время этого сеанса истекло.",
      other: "Этот сеанс завершён.",
      again: "Войти снова",
      not_me: "Это не я",
      close: "Закрыть",
      away: "Служба входа сейчас недоступна. Вы не вышли, но странице, возможно, придётся подождать.",
      on: (browser, system) => `${browser} на ${system}`,
      browser: "браузер",
      unknown: "неизвестное устройство",
    },
  };
  const language = (document.documentElement.lang || navigator.language).slice(0, 2);
  const texts = TEXTS[language] || TEXTS.en;
  // Somebody else may have done these; the person should be able to say so.
  const SUSPICIOUS = ["kicked", "user", "app", "password_changed", "factor_changed"];

  // Passport's label of a device, "Firefox on Windows", in the page's language.
  const device = (label) => {
    if (label === "Unknown device") return texts.unknown;
    const [browser, system] = label.split(" on ");
    const shown = browser === "Browser" ? texts.browser : browser;
    return system ? texts.on(shown, system) : shown;
  };

  const element = (name, style, text) => {
    const made = document.createElement(name);
    // Through the object model: an app's policy against inline style does not concern it.
    Object.assign(made.style, style);
    if (text) made.textContent = text;
    return made;
  };
  const BUTTON = {
    display: "inline-block", padding: "0.6rem 1.1rem", borderRadius: "9px", font: "inherit",
    fontWeight: "600", textDecoration: "none", cursor: "pointer", border: "1px solid currentcolor",
    background: "transparent", color: "inherit",
  };

  let told = false;
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

    const dialog = element("dialog", {
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
      notMe.href = `${passport}/account/secure`;
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

  const channel = "BroadcastChannel" in window ? new BroadcastChannel("passport") : null;
  // Short: the answer is there at once, if there is one.
  const LOOK = 5000;
  const look = () => {
    const source = new EventSource(`${mount}/stream`);
    const close = setTimeout(() => source.close(), LOOK);
    source.addEventListener("over", (message) => {
      clearTimeout(close);
      source.close();
      tell(JSON.parse(message.data));
    });
  };
  if (channel) {
    channel.onmessage = ({ data }) => (data === "over" ? told || look() : away(data === "away"));
  }
  const listen = () => new Promise((done) => {
    const source = new EventSource(`${mount}/stream`);
    source.addEventListener("over", (message) => {
      source.close();
      channel?.postMessage("over");
      away(false);
      tell(JSON.parse(message.data));
      done();
    });
    for (const state of ["away", "back"]) {
      source.addEventListener(state, () => {
        channel?.postMessage(state);
        away(state === "away");
      });
    }
    // Also after a 204: nobody is signed in here, there is nothing to follow.
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && done());
  });
  // One tab a browser holds the connection; browsers allow six to a site.
  if (navigator.locks) navigator.locks.request("passport", listen);
  else listen();
})();
