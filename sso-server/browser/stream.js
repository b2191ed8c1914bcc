// Follows the app's own `stream` route. One tab listens; the others hear from that one that there is
// something to look at, and look for themselves: whoever has signed in again meanwhile is not signed
// out by old news.
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
let following = false;
const follow = async () => {
  if (following) return;
  following = true;
  // One tab a browser holds the connection; browsers allow six to a site.
  await (navigator.locks ? navigator.locks.request("passport", listen) : listen());
  following = false;
};
