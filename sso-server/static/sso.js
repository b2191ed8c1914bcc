// Passport in the page of an app. Put it on every page that shows somebody signed in:
//   <script defer src="https://sso.example/sso.js" data-mount="/sso"></script>
// It follows the app's own `/sso/stream` and says at once when the session of this page is over,
// why, and what can be done about it. One tab listens; the others hear it from that one. Colours:
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
    },
  };
  const language = (document.documentElement.lang || navigator.language).slice(0, 2);
  const texts = TEXTS[language] || TEXTS.en;
  // Somebody else may have done these; the person should be able to say so.
  const SUSPICIOUS = ["kicked", "user", "app", "password_changed", "factor_changed"];

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
      time: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" })
        .format(over.replaced_by.at * 1000),
    };
    const why = cause === "kicked" && by ? texts.kicked(by)
      : typeof texts[cause] === "string" ? texts[cause] : texts.other;

    const dialog = element("dialog", {
      border: "0", borderRadius: "14px", padding: "1.75rem", maxWidth: "26rem",
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

  const channel = "BroadcastChannel" in window ? new BroadcastChannel("passport") : null;
  if (channel) channel.onmessage = (message) => tell(message.data);
  const listen = () => new Promise((done) => {
    const source = new EventSource(`${mount}/stream`);
    source.addEventListener("over", (message) => {
      const over = JSON.parse(message.data);
      source.close();
      channel?.postMessage(over);
      tell(over);
      done();
    });
    // Also after a 204: nobody is signed in here, there is nothing to follow.
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && done());
  });
  // One tab a browser holds the connection; browsers allow six to a site.
  if (navigator.locks) navigator.locks.request("passport", listen);
  else listen();
})();
