// Passport inside the page of an app: answers that page's question with the cookies that the browser
// lets through here. Who may show this page says its policy (`frame-ancestors`); who may have an
// answer, our server, by the origin that the browser gives for the page around us.
"use strict";
(() => {
  const app = new URLSearchParams(location.search).get("app");

  // Whether our cookies are let through: true, false, or undefined in a browser that cannot say.
  const storage = async () => {
    if (!document.hasStorageAccess) return undefined;
    try {
      if (!(await document.hasStorageAccess())) await document.requestStorageAccess();
      return await document.hasStorageAccess();
    } catch {
      return false;
    }
  };

  const ask = async (origin, state, challenge) => {
    const open = await storage();
    if (open === false) return { status: "unknown", why: "blocked" };
    const answer = await fetch("/frame/ticket", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ app, origin, state, challenge }),
    });
    if (!answer.ok) return { status: "unknown", why: answer.status };
    const said = await answer.json();
    // Our cookies came along and there was none.
    return said.status === "unknown" && open ? { status: "signed_out" } : said;
  };

  addEventListener("message", async ({ source, origin, data, ports }) => {
    if (source !== parent || parent === self || data?.passport !== "ask") return;
    const { state, challenge } = data;
    if (typeof state !== "string" || typeof challenge !== "string") return;
    const answer = await ask(origin, state, challenge).catch(() => ({ status: "unknown", why: "away" }));
    parent.postMessage({ ...answer, passport: "answer", state }, origin);
  });
})();
