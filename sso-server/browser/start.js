// What other tabs say, and what happens by itself.
channel?.addEventListener("message", ({ data }) => {
  if (data === "over") told || look();
  else if (data === "away" || data === "back") away(data === "away");
  else if (data === "in" || data === "out") {
    // The window that says so may go.
    if (data === "in" && option("popup") === undefined) channel.postMessage("heard");
    asked = -AGAIN;
    recheck();
  }
});

const start = async () => {
  label();
  follow();
  if (!inPage) return;
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && recheck());
  addEventListener("focus", recheck);
  addEventListener("pageshow", (event) => event.persisted && recheck());
  if (option("silent") === "off") return recheck();
  const { status } = await passport.check();
  if (status !== "signed_in" && option("oneTap") !== undefined) offerOneTap(status);
};

// The last page of a window that `login()` has opened: the others are told, and it closes when one of
// them has heard. Otherwise it goes on by itself, as whoever opened it is gone.
const popup = () => {
  const onwards = setTimeout(() => document.querySelector("a[href]")?.click(), 1500);
  channel?.addEventListener("message", ({ data }) => {
    if (data !== "heard") return;
    clearTimeout(onwards);
    close();
  });
  channel?.postMessage("in");
};

const begin = option("popup") === undefined ? start : popup;
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
