// A window that the browser has opened for signing in (FedCM): it goes on where it was, without it.
// In any other window there is nothing to close, and the page says the rest.
"use strict";
globalThis.IdentityProvider?.close?.();
