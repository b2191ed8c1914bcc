// Little comforts; every page works without them.
"use strict";

// Moments in the reader's own time zone and manner.
const manner = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "medium",
  timeStyle: "short",
});
const inOwnManner = (within) => {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = time.textContent;
      time.textContent = manner.format(moment);
    }
  }
};
inOwnManner(document);

// How far a logout has come: the list fills in as the sites confirm.
const follow = async (list) => {
  for (let pause = 500; list.dataset.follow; ) {
    try {
      const answer = await fetch(list.dataset.follow, { cache: "no-store" });
      if (answer.status === 404) return;
      if (!answer.ok) throw new Error(answer.status);
      const { follow, apps, tally } = await answer.json();
      // A logout that is still being carried out may reach more sites.
      if (apps.length !== list.children.length) return location.reload();
      if (tally) document.getElementById("tally").textContent = tally;
      apps.forEach((app, place) => {
        const line = list.children[place];
        line.className = app.state;
        line.querySelector(".state span").textContent = app.text;
        if (!app.until) line.querySelector("time")?.remove();
      });
      if (follow) list.dataset.follow = follow;
      else delete list.dataset.follow;
      pause = 500;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, 15000);
    }
  }
};
const progress = document.getElementById("progress");
if (progress) follow(progress);

// A sent form says that it is under way, and is not sent twice.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    const button = form.querySelector("button");
    if (button.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    button.setAttribute("aria-busy", "true");
  });
}
// Back from the history, it is not under way any more.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
  }
});
