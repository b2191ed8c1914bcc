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

// Words and the moment that they lead up to, made without markup: our own Trusted Types policy
// keeps script from making markup of text.
const words = ({ text, at }) => {
  if (!at) return [text];
  const time = document.createElement("time");
  time.dateTime = time.textContent = at;
  return [`${text} `, time];
};
const fill = (line, app) => {
  line.className = app.state;
  line.querySelector(".state").replaceChildren(...words(app));
  line.querySelector(".details").replaceChildren(...app.details.map((detail) => {
    const made = document.createElement("li");
    if (detail.bad) made.className = "bad";
    made.append(...words(detail));
    return made;
  }));
  inOwnManner(line);
};

// How far a logout has come: the list fills in as the sites confirm.
const follow = async (list) => {
  for (let pause = 500; list.dataset.follow; ) {
    try {
      const answer = await fetch(list.dataset.follow, { cache: "no-store" });
      if (answer.status === 404) return;
      if (!answer.ok) throw new Error(answer.status);
      const { follow, apps, tally, bar } = await answer.json();
      const shown = document.getElementById("bar");
      // A logout that is still being carried out may reach more sites.
      if (apps.length !== list.children.length || Boolean(bar) !== Boolean(shown)) {
        return location.reload();
      }
      if (tally) document.getElementById("tally").textContent = tally;
      if (bar) {
        [shown.max, shown.value] = [bar.max, bar.value];
        document.getElementById("bar-text").textContent = bar.text;
      }
      apps.forEach((app, place) => fill(list.children[place], app));
      if (follow) list.dataset.follow = follow;
      else delete list.dataset.follow;
      pause = 500;
      // In a logout of many something changes all the time; looking at it must not slow it down.
      await new Promise((resolve) => setTimeout(resolve, 250));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, 15000);
    }
  }
};
const progress = document.getElementById("progress");
if (progress) follow(progress);

// The sites that the browser tells of a logout have two seconds; nobody waits for them.
const told = document.querySelectorAll("iframe.front-logout");
if (told.length) setTimeout(() => told.forEach((frame) => frame.remove()), 2000);

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
